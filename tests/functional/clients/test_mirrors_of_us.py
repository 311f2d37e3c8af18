"""Other mirrors take their files from ours: devpi-server, bandersnatch, proxpi, microrepo itself."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.functional.clients.ways import Installed, Way, new_client
from tests.functional.server.serving import Served, serve
from tests.support.index import FakeIndex
from tests.support.nginx import NGINX, answers, free_port, nginx_over
from tests.support.packages import build_sdist, build_wheel
from tests.support.programs import (
    Environment,
    MicrorepoRunner,
    clean_environment,
    run_program,
)
from tests.support.repository import wait_until
from tests.support.server import PyPIServer
from tests.support.tools import tool

SETTINGS = (
    *("--packages", "everything", "--versions", "all", "--python-versions", "all"),
    *("--yanked", "--min-free-space", "0"),
)


@dataclass
class Upstream:
    """Our repository, which is filled from an index, and the server over it."""

    index: FakeIndex
    directory: Path
    served: Served
    refresh: Callable[[], None]


@pytest.fixture
def upstream(
    index: FakeIndex, pypi: PyPIServer, tmp_path: Path, run_microrepo: MicrorepoRunner
) -> Iterator[Upstream]:
    index.add("Foo.Bar", build_wheel("Foo.Bar", "1.0", requires_dist=["dep>=1"]))
    index.add("Foo.Bar", build_sdist("Foo.Bar", "1.0"))
    index.add("Foo.Bar", build_wheel("Foo.Bar", "2.0"), yanked="it broke")
    index.add("dep", build_wheel("dep", "1.0", requires_python=">=3.6", payload_size=70_000))
    directory = tmp_path / "ours"

    def refresh() -> None:
        where = ("--repository", directory, "--source", pypi.url)
        done = run_microrepo("refresh", *where, *SETTINGS)
        assert done.returncode == 0, done.stderr

    refresh()
    with serve(directory) as served:
        yield Upstream(index, directory, served, refresh)


def _files_below(directory: Path) -> dict[str, str]:
    """Return the digest of each distribution, wherever it lies."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.name.endswith((".whl", ".tar.gz"))
    }


@contextmanager
def running(command: Sequence[str | Path], home: Path, port: int, **env: str) -> Iterator[None]:
    """Run a program until the block ends, from when it listens at its port."""
    home.mkdir(exist_ok=True)
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=clean_environment(home, env),
            cwd=home,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: process.poll() is not None or answers(port), 60)
        assert process.poll() is None, (home / "log").read_text()
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def _install(index_url: str, tmp_path: Path, *requirements: str) -> list[Installed]:
    """Install by pip and by uv."""
    ends = []
    for is_uv in (False, True):
        place = tmp_path / ("uv" if is_uv else "pip")
        place.mkdir()
        environment = Environment(place, (sys.executable, "-m", "pip"))
        client = new_client(environment, place, is_uv=is_uv)
        ends.append(client.install(Way(index_url=index_url), *requirements))
    return ends


# ---- devpi-server


def _devpi(address: str, method: str, path: str, body: object, token: str = "") -> Any:
    """Ask devpi-server for something; return its result, nothing where it sends us elsewhere."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if token:
        headers["X-Devpi-Auth"] = base64.b64encode(f"root:{token}".encode()).decode()
    try:
        connection.request(method, path, json.dumps(body), headers)
        reply = connection.getresponse()
        text = reply.read().decode()
        assert reply.status in {200, 201, 302}, text
        return json.loads(text).get("result") if reply.status != 302 else None
    finally:
        connection.close()


def test_devpi_with_our_server_as_its_mirror_source(upstream: Upstream, tmp_path: Path) -> None:
    """Its clients see our releases, our yanks and, after a refresh, what is new."""
    programs = tool("devpi", ["devpi-server"])
    home = tmp_path / "devpi"
    home.mkdir()
    state = ("--serverdir", home / "state")
    run_program(
        [programs / "devpi-init", *state, "--no-root-pypi", "--root-passwd", "secret"],
        env=clean_environment(home),
        cwd=home,
        check=True,
    )
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    listen = ("--host", "127.0.0.1", "--port", str(port))
    with running([programs / "devpi-server", *state, *listen], home, port):
        login = {"user": "root", "password": "secret"}
        token = _devpi(address, "POST", "/+login", login)["password"]
        mirror = {
            "type": "mirror",
            "mirror_url": upstream.served.url + "simple/",
            "volatile": True,
        }
        _devpi(address, "PUT", "/root/ours", mirror, token)
        for end in _install(f"{address}/root/ours/+simple/", tmp_path, "foo-bar"):
            assert end.releases == {"foo-bar": "1.0", "dep": "1.0"}
        upstream.index.add("dep", build_wheel("dep", "1.1"))
        upstream.refresh()
        _devpi(address, "POST", "/root/ours/+simple/dep/refresh", {}, token)
        again = tmp_path / "again"
        again.mkdir()
        for end in _install(f"{address}/root/ours/+simple/", again, "dep"):
            assert end.releases == {"dep": "1.1"}
    assert "/foo_bar-1.0-py3-none-any.whl" in _asked_since(upstream, 0)


# ---- bandersnatch

_BANDERSNATCH = """\
[mirror]
directory = {directory}
master = {master}
allow-non-https = true
json = true
release-files = true
hash-index = false
simple-format = ALL
workers = 3
timeout = 10
stop-on-error = true
"""


def test_bandersnatch_mirrors_our_server(upstream: Upstream, tmp_path: Path) -> None:
    """Every file and page; the second run asks for what has changed alone."""
    programs = tool("bandersnatch", ["bandersnatch>=8"], at_least=(3, 12))
    home = tmp_path / "bandersnatch"
    home.mkdir()
    master = upstream.served.url.rstrip("/")
    settings = home / "conf"
    settings.write_text(_BANDERSNATCH.format(directory=home / "mirror", master=master))

    def mirror() -> str:
        before = _marked(upstream)
        run_program(
            [programs / "bandersnatch", "-c", settings, "mirror"],
            env=clean_environment(home),
            cwd=home,
            check=True,
        )
        return " ".join(_asked_since(upstream, before))

    mirror()
    web = home / "mirror" / "web"
    assert _files_below(web / "packages") == _files_below(upstream.directory)
    page = json.loads((web / "simple" / "foo-bar" / "index.v1_json").read_bytes())
    yanked = {file["filename"]: file["yanked"] for file in page["files"]}
    assert yanked == {
        "foo_bar-1.0-py3-none-any.whl": False,
        "foo_bar-1.0.tar.gz": False,
        "foo_bar-2.0-py3-none-any.whl": True,
    }

    upstream.index.add("dep", build_wheel("dep", "1.1"))
    upstream.refresh()
    asked = mirror()
    assert _files_below(web / "packages") == _files_below(upstream.directory)
    assert "dep-1.1" in asked
    assert "foo-bar" not in asked


# ---- proxpi


def test_proxpi_in_front_of_our_server(upstream: Upstream, tmp_path: Path) -> None:
    programs = tool("proxpi", ["proxpi"])
    port = free_port()
    command = (programs / "flask", "run", "--host", "127.0.0.1", "--port", str(port))
    source = {"PROXPI_INDEX_URL": upstream.served.url + "simple/", "FLASK_APP": "proxpi.server"}
    with running(command, tmp_path / "proxpi", port, **source):
        for end in _install(f"http://127.0.0.1:{port}/index/", tmp_path, "foo-bar"):
            assert end.releases == {"foo-bar": "1.0", "dep": "1.0"}
    assert "/simple/dep/" in _asked_since(upstream, 0)


# ---- microrepo


def _facts(directory: Path) -> dict[str, Any]:
    """Return what the static pages say, without the serials, which each repository counts alone."""
    pages = {}
    for path in sorted((directory / "simple").glob("*/index.v1_json")):
        page = json.loads(path.read_bytes())
        page["meta"].pop("_last-serial", None)
        pages[path.parent.name] = page
    return pages


def _mirror(
    run_microrepo: MicrorepoRunner, directory: Path, source: str, *more: str
) -> Mapping[str, Any]:
    where = ("--repository", directory, "--source", source)
    done = run_microrepo("refresh", *where, *SETTINGS, *more, "--json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def _marked(upstream: Upstream) -> int:
    """Return how much of the access log is written, once all that was answered is in it.

    The log is written behind the answers' back; a question of our own comes out last.
    """
    before = upstream.served.log.getvalue().count("/healthz")
    upstream.served.ask("/healthz")
    wait_until(lambda: upstream.served.log.getvalue().count("/healthz") > before)
    return len(upstream.served.log.getvalue())


def _asked_since(upstream: Upstream, mark: int) -> list[str]:
    """Return the paths that were asked for after a mark."""
    end = _marked(upstream)
    lines = upstream.served.log.getvalue()[mark:end].splitlines()
    return [line.split()[6] for line in lines if "/healthz" not in line]


def test_microrepo_mirrors_our_server_by_its_documents(
    upstream: Upstream, tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    """Every file and every fact; an unchanged source costs one request."""
    directory = tmp_path / "theirs"
    _mirror(run_microrepo, directory, upstream.served.url)
    assert _files_below(directory) == _files_below(upstream.directory)
    assert _facts(directory) == _facts(upstream.directory)
    mark = _marked(upstream)
    _mirror(run_microrepo, directory, upstream.served.url)
    assert _asked_since(upstream, mark) == ["/simple/"]

    upstream.index.add("dep", build_wheel("dep", "1.1"))
    upstream.index.yank("foo-bar", "1.0", "a second thought")
    upstream.refresh()
    _mirror(run_microrepo, directory, upstream.served.url)
    assert _files_below(directory) == _files_below(upstream.directory)
    assert _facts(directory) == _facts(upstream.directory)


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_microrepo_mirrors_our_pages_behind_nginx(
    upstream: Upstream, tmp_path: Path, run_microrepo: MicrorepoRunner
) -> None:
    """By the Simple API, as it would any index."""
    directory = tmp_path / "theirs"
    with nginx_over(upstream.directory, tmp_path / "nginx") as nginx:
        _mirror(run_microrepo, directory, nginx.url + "simple/")
        assert _files_below(directory) == _files_below(upstream.directory)
        assert _facts(directory) == _facts(upstream.directory)
        upstream.index.add("dep", build_wheel("dep", "1.1"))
        upstream.refresh()
        _mirror(run_microrepo, directory, nginx.url + "simple/")
        assert _files_below(directory) == _files_below(upstream.directory)
