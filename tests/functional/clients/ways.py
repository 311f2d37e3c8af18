"""The five ways to install from a repository, and the programs that take them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.functional.server.serving import serve
from tests.support.nginx import NGINX, nginx_over
from tests.support.programs import Completed, Environment

WAYS = ("flat", "links", "file", "server", "nginx")
OVER_HTTP = ("server", "nginx")


@dataclass(frozen=True)
class Way:
    """One way to a repository; exactly one of the two addresses is set.

    Attributes:
        find_links: what `--find-links` gets.
        index_url: what `--index-url` gets.
        requests: the requests so far, as `METHOD /path`; empty for those without a server.
    """

    find_links: str = ""
    index_url: str = ""
    requests: Callable[[], list[str]] = list


@contextmanager
def way_to(repository: Path, name: str, home: Path) -> Iterator[Way]:
    """Open a way to a repository that has static pages."""
    if name == "flat":
        yield Way(find_links=str(repository))
    elif name == "links":
        yield Way(find_links=str(repository / "simple" / "links.html"))
    elif name == "file":
        yield Way(index_url=repository.as_uri() + "/simple/")
    elif name == "server":
        with serve(repository) as running:
            asked = re.compile(r'"([A-Z]+ \S+) HTTP')
            yield Way(
                index_url=running.url + "simple/",
                requests=lambda: asked.findall(running.log.getvalue()),
            )
    else:
        if NGINX is None:
            pytest.skip("nginx is not installed")
        with nginx_over(repository, home) as running_nginx:
            log = running_nginx.log
            yield Way(
                index_url=running_nginx.url + "simple/",
                requests=lambda: [line.rpartition(" ")[0] for line in log.read_text().splitlines()],
            )


@dataclass(frozen=True)
class Installed:
    """The end of one installation: what was said, and the releases that are now there."""

    done: Completed
    releases: dict[str, str]

    @property
    def text(self) -> str:
        """All that the program said."""
        return self.done.stdout + self.done.stderr


@dataclass(frozen=True)
class Client:
    """A program that installs, each time into a directory of its own."""

    environment: Environment
    is_uv: bool
    directory: Path
    numbers: Iterator[int]

    def install(self, way: Way, *arguments: str, check: bool = True) -> Installed:
        """Install by this way and by no other."""
        target = self.directory / f"target{next(self.numbers)}"
        common = ["install", "--target", str(target), *self._from(way), *arguments]
        if self.is_uv:
            done = self.environment.uv("pip", *common, "--python", sys.executable, check=check)
        else:
            done = self.environment.pip(*common, "--no-cache-dir", "--no-compile", check=check)
        return Installed(done, releases_in(target))

    def _from(self, way: Way) -> Sequence[str]:
        if way.find_links:
            return ["--no-index", "--find-links", way.find_links]
        return ["--default-index" if self.is_uv else "--index-url", way.index_url]


def releases_in(target: Path) -> dict[str, str]:
    """Return the version of each project that is installed in a directory."""
    names = [path.name.removesuffix(".dist-info") for path in target.glob("*.dist-info")]
    return {name.split("-")[0].replace("_", "-"): name.split("-")[1] for name in names}


def new_client(environment: Environment, directory: Path, *, is_uv: bool = False) -> Client:
    """Return a client whose targets lie in `directory`."""
    return Client(environment, is_uv, directory, count(1))
