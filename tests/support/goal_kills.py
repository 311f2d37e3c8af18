"""Killed runs with goals, URL files and settings for what is removed; and their unkilled twins."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.support.index import FakeIndex
from tests.support.killed_commands import KilledCommands
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import digest_of
from tests.support.server import PyPIServer

_LIBRARIES = 5
_LARGEST_BYTES = 60_000
_MOST_CHANGES = 5
_ENVIRONMENT = "cp311-manylinux_2_28_x86_64"
# A file behind a URL has the time at which it arrived.
_TIME = re.compile(rb"20\d\d-\d\d-\d\dT[\d:.]{8,15}Z?")
_LONG_AGO = "2001-01-01T00:00:00Z"


class Libraries:
    """Applications on an index, the libraries that they need, and what owners do to these.

    The requirements can always be met: each library keeps one release at least.
    """

    def __init__(self, index: FakeIndex, seed: object) -> None:
        self._index = index
        self._random = random.Random(f"libraries {seed}")
        self._numbers: dict[str, int] = {}
        self.known: dict[str, set[str]] = {}  # all contents that a name ever had
        for number in range(_LIBRARIES):
            for _ in range(2):
                self.release(f"lib{number}")
        for name in ("app0", "app1"):
            self.release(name)

    def step(self, *, contents: bool = True) -> None:
        """Make one change, perhaps to the content of a file that is there."""
        name = f"lib{self._random.randrange(_LIBRARIES)}"
        project = self._index.projects[name]
        kind = self._random.choice(("release", "release", "app", "remove", "yank", "other"))
        if kind == "release":
            self.release(name)
        elif kind == "app":
            self.release(self._random.choice(("app0", "app1")))
        elif kind == "remove" and len(project.releases) > 1:
            self._index.remove_release(name, self._random.choice(sorted(project.releases)))
        elif kind == "yank":
            self.release(name)  # so that one stays
            versions = sorted(project.releases, key=int)
            self._index.yank(name, self._random.choice(versions[:-1]))
        elif kind == "other" and contents:
            self.touch_content(name)

    def release(self, name: str) -> None:
        """Publish the next version of a project, with what it needs."""
        number = self._numbers[name] = self._numbers.get(name, 0) + 1
        if name.startswith("app"):
            needed = self._random.sample(range(_LIBRARIES), 3)
            requires = [f"lib{one}" for one in needed]
        else:
            above = range(int(name[3:]) + 1, _LIBRARIES)
            requires = [f"lib{one}" for one in above if self._random.random() < 0.4]
        self._add(
            build_wheel(
                name,
                str(number),
                requires_dist=requires,
                payload_size=self._random.randrange(_LARGEST_BYTES),
            )
        )

    def touch_content(self, name: str) -> None:
        """Give the newest file of a project another content, as only private indexes do."""
        project = self._index.projects[name]
        newest = max(project.releases, key=int)
        (old,) = [file.built for file in project.files if file.version == newest]
        self._index.remove_file(name, old.filename)
        text = f"{self._random.random()}"
        self._add(build_wheel(name, newest, requires_dist=old.requires_dist, summary=text))

    def _add(self, built: BuiltFile) -> None:
        self.known.setdefault(built.filename, set()).add(built.sha256)
        self._index.add(built.name, built)


class GoalKills:
    """A mirror whose runs are killed, and its twin, whose runs are not.

    Args:
        directory: where both are made.
        server: serves `index`, which this fills and changes.
        seed: of all that happens.
        removed: the setting of that name.
    """

    def __init__(
        self, directory: Path, server: PyPIServer, index: FakeIndex, seed: object, removed: str
    ) -> None:
        self._random = random.Random(f"goals {seed} {removed}")
        self._commands = KilledCommands(self._random)
        self._mirror, self._twin = directory / "mirror", directory / "twin"
        self._index = index
        self._server = server
        self._removed = removed
        self._libraries = Libraries(index, seed)
        self._direct = [build_wheel("direct", str(n), payload_size=30_000) for n in range(3)]
        for built in self._direct:
            index.add("direct", built)
        self._run_both(self._settings())

    @property
    def kills(self) -> int:
        """How many commands were killed before their end."""
        return self._commands.kills

    def go(self) -> None:
        """Kill a refresh, let the index go on in half of the rounds, then run both and compare.

        Raises:
            AssertionError: the killed mirror is not what its twin is.
        """
        settings = self._settings()
        self._change()
        self._commands.kill(_refresh(self._mirror, settings))
        _check_whole(self._mirror, self._libraries.known)
        if self._random.random() < 0.5 and self._removed == "delete":
            self._change()
        self._run_both(settings)

    def _change(self) -> None:
        for _ in range(self._random.randint(0, _MOST_CHANGES)):
            self._libraries.step()

    def _settings(self) -> list[str]:
        packages = self._random.sample(["app0", "app1", "lib0", "lib4"], 2)
        if self._random.random() < 0.7:
            built = self._random.choice(self._direct)
            path = self._index.file("direct", built.filename).path
            packages.append(f"direct @ {self._server.url}{path}#sha256={built.sha256}")
        flags = [f"--packages={package}" for package in packages]
        return [
            *flags,
            *("--source", self._server.url, "--allow-urls", "--environments", _ENVIRONMENT),
            *("--resolve", self._random.choice(("solve", "solve", "latest"))),
            *("--removed", self._removed, "--max-deletes", "100 %", "--retries", "1"),
            *("--processes", "1", "--connections", "4", "--min-free-space", "0"),
        ]

    def _run_both(self, settings: list[str]) -> None:
        for path in (self._mirror, self._twin):
            assert self._commands.run(_refresh(path, settings)) in {0, 3}
            # A shorter list of files is doubted for a day.
            if _doubts(path):
                assert self._commands.run(_refresh(path, settings)) in {0, 3}
            assert self._commands.run(_refresh(path, settings)) == 0
        found, wanted = (_content(path) for path in (self._mirror, self._twin))
        assert not {name for name in found | wanted if found.get(name) != wanted.get(name)}
        assert not [*(self._mirror / ".microrepo" / "partial").glob("*")]
        assert self._commands.run(["verify", "--deep", "--repository", str(self._mirror)]) == 0


class CopyKills:
    """Copies with `--replace`, or mirrored releases, that are killed while the index goes on.

    Args:
        directory: where the destination is made.
        server: serves `index`, which this fills and changes.
        seed: of all that happens.
        command: ``copy`` or ``mirror``.
    """

    def __init__(
        self, directory: Path, server: PyPIServer, index: FakeIndex, seed: object, command: str
    ) -> None:
        self._random = random.Random(f"copies {seed}")
        self._commands = KilledCommands(self._random)
        self._there = directory / "there"
        self._command = command
        self._server = server
        self._index = index
        self._libraries = Libraries(index, seed)

    @property
    def kills(self) -> int:
        """How many commands were killed before their end."""
        return self._commands.kills

    def go(self) -> None:
        """Kill the command, let the index go on, run the command to its end, and check.

        Raises:
            AssertionError: the destination lacks a file, or has one that is not whole.
        """
        there = self._there
        if self._random.random() < 0.2 and there.is_dir():
            shutil.rmtree(there)
        self._change()
        self._commands.kill(self._arguments())
        _check_whole(there, self._libraries.known)
        self._change()
        assert self._commands.run(self._arguments()) == 0
        for name, sha256 in self._expected().items():
            assert digest_of(there / name) == sha256, name
        _check_whole(there, self._libraries.known)
        assert not [*there.glob(".*.part"), *(there / ".microrepo" / "partial").glob("*")]
        assert self._commands.run(["verify", "--deep", "--repository", str(there)]) == 0

    def _arguments(self) -> list[str]:
        ends = ("--source", self._server.url + "/simple/", "--destination", str(self._there))
        if self._command == "copy":
            return ["copy", "--all", "--replace", *ends, "--retries", "1", "--min-free-space", "0"]
        newest = max(self._index.projects["app0"].releases, key=int)
        return ["mirror", "app0", newest, "--dependencies", *ends, "--min-free-space", "0"]

    def _expected(self) -> dict[str, str]:
        """Return the files that must be there, with their digests."""
        projects = self._index.projects
        if self._command == "copy":
            files = [f for project in projects.values() for f in project.files]
        else:
            newest = max(projects["app0"].releases, key=int)
            files = [file for file in projects["app0"].files if file.version == newest]
        return {file.filename: file.built.sha256 for file in files if file.yanked is False}

    def _change(self) -> None:
        for _ in range(self._random.randint(0, _MOST_CHANGES)):
            # A mirrored release with another content is refused, and stays.
            self._libraries.step(contents=self._command == "copy")


def _refresh(path: Path, settings: Sequence[str]) -> list[str]:
    return ["refresh", "--repository", str(path), *settings]


def _doubts(path: Path) -> bool:
    """Let the day pass for which shorter lists are doubted; return whether any is."""
    with closing(sqlite3.connect(path / ".microrepo" / "state.db")) as state, state:
        changed = state.execute(
            "UPDATE projects SET doubted_at = ?, retry_at = NULL WHERE doubted_at IS NOT NULL",
            (_LONG_AGO,),
        )
        return changed.rowcount > 0


def _content(path: Path) -> dict[str, str]:
    """Return the digest of each file and page of a repository, without what names its runs."""
    found = {}
    for file in sorted(path.rglob("*")):
        where = file.relative_to(path)
        if file.is_file() and where.parts[0] != ".microrepo" and where.name != "last-modified":
            content = _TIME.sub(b"", file.read_bytes())
            found[str(where)] = hashlib.sha256(content).hexdigest()
    return found


def _check_whole(directory: Path, known: dict[str, set[str]]) -> None:
    """Assert that each visible file has a content that the index once had under its name."""
    for path in directory.glob("*.whl"):
        if path.name in known:
            assert digest_of(path) in known[path.name], path
