"""A repository under test: the program run on it, and what is found on disk afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from microrepo.operations.records.report import Report
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile
from tests.support.programs import Completed, MicrorepoRunner

# The default settings, but for the room on this machine's disk and the number of its processors.
DEFAULTS = ("--processes", "2", "--connections", "4", "--min-free-space", "0")
# Without what many tests are not about: pages and closures.
PLAIN = (*DEFAULTS, "--no-simple", "--no-server", "--no-dependencies")
PATIENCE_S = 30.0

Identity = dict[str, tuple[int, int, int]]


class Repository:
    """One repository directory, the source it is filled from, and the program.

    Args:
        path: the repository.
        source: value of the `source` setting, or of `sources` when it is a JSON list.
        program: runs microrepo.
        settings: flags that every refresh gets.
    """

    def __init__(
        self,
        path: Path,
        source: str,
        program: MicrorepoRunner,
        settings: Iterable[str] = PLAIN,
    ) -> None:
        self.path = path
        self.source = source
        self.program = program
        self.settings = tuple(settings)

    # --- running the program ----------------------------------------------------------------------

    def flags(self) -> list[str]:
        """Return the flags of a refresh that every test shares."""
        key = "--sources" if self.source.startswith("[") else "--source"
        return ["--repository", str(self.path), key, self.source, *self.settings]

    def refresh(self, *args: str | Path, expect: int | None = 0, **how: Any) -> Report:
        """Run a refresh to its end and return its report."""
        done = self.run("refresh", *args, *self.flags(), "--json", expect=expect, **how)
        return msgspec.json.decode(done.stdout, type=Report)

    def refresh_all(self, *args: str | Path, expect: int | None = 0, **how: Any) -> Report:
        """Refresh everything that the index has."""
        return self.refresh(*args, "--packages", "everything", expect=expect, **how)

    def do(self, command: str, *args: str | Path, expect: int = 0, **how: Any) -> Completed:
        """Run a command that needs no source on this repository."""
        return self.run(command, *args, "--repository", self.path, expect=expect, **how)

    def run(self, *args: str | Path, expect: int | None = 0, **how: Any) -> Completed:
        """Run the program; whatever happens, it must not end in a traceback."""
        done = self.program(*args, **how)
        said = f"{' '.join(map(str, args))}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, said
        assert expect is None or done.returncode == expect, f"exit {done.returncode}: {said}"
        return done

    def start(self, *args: str | Path, **how: Any) -> subprocess.Popen[str]:
        """Start a refresh and return at once."""
        return self.program.start("refresh", *args, *self.flags(), "--json", **how)

    # --- looking at what is there -----------------------------------------------------------------

    def names(self) -> set[str]:
        """Return the names of the visible files."""
        if not self.path.exists():
            return set()
        return {entry.name for entry in os.scandir(self.path) if _is_visible(entry)}

    def identity(self) -> Identity:
        """Return inode, modification time and size of every visible file."""
        found = {}
        for name in self.names():
            status = (self.path / name).stat()
            found[name] = (status.st_ino, status.st_mtime_ns, status.st_size)
        return found

    def partials(self) -> list[Path]:
        """Return the downloads that wait for their end."""
        return sorted((self.path / ".microrepo" / "partial").glob("*"))

    def holds(self, *files: BuiltFile) -> None:
        """Assert that exactly these files are visible, each with its own content.

        Where pages are kept, they must name exactly these files too.
        """
        expected = {file.filename: file.sha256 for file in files}
        names = self.names()
        if "--no-simple" not in self.settings:
            pages = (self.path / "simple").glob("*/index.v1_json")
            listed = [json.loads(page.read_bytes())["files"] for page in pages]
            assert {file["filename"] for one in listed for file in one} == expected.keys()
            names -= {"server.py", "last-modified", *(f"{name}.metadata" for name in names)}
        assert {name: digest_of(self.path / name) for name in names} == expected

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the state."""
        database = self.path / ".microrepo" / "state.db"
        with closing(sqlite3.connect(database)) as connection:
            return connection.execute(sql, values).fetchall()

    def change_state(self, sql: str, *values: object) -> None:
        """Tamper with the state."""
        database = self.path / ".microrepo" / "state.db"
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(sql, values)


def _is_visible(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.is_file()


def digest_of(path: Path) -> str:
    """Return the sha256 of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def built_files(index: FakeIndex) -> list[BuiltFile]:
    """Return all files of an index."""
    return [file.built for project in index.projects.values() for file in project.files]


def tree_of(directory: Path) -> dict[str, tuple[int, int, int]]:
    """Return mode, size and modification time of all that lies below a directory."""
    found = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(directory))] = (
            status.st_mode,
            status.st_size,
            status.st_mtime_ns,
        )
    return found


def wait_until(condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition, looking often.

    Raises:
        AssertionError: it did not come true in time.
    """
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {patience_s} s")
        time.sleep(0.002)


def processes_of(program: MicrorepoRunner) -> dict[int, str]:
    """Return the processes of a runner that are alive, workers and all: number -> command line.

    They are known by their home directory, which they inherit.
    """
    mark = f"HOME={program.home}".encode()
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            command = (
                (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            )
        except OSError:
            continue
        if mark in environment and command:
            found[int(folder.name)] = command
    return found


@contextmanager
def watching(directory: Path, expected: Mapping[str, BuiltFile]) -> Iterator[None]:
    """Assert that no file was ever visible in a directory other than whole, under its own name."""
    wrong: list[str] = []
    ended = threading.Event()
    seen: set[tuple[str, int]] = set()

    def look() -> None:
        for entry in os.scandir(directory):
            if not _is_visible(entry) or (entry.name, entry.inode()) in seen:
                continue
            file = expected.get(entry.name)
            if file is None or digest_of(directory / entry.name) != file.sha256:
                wrong.append(entry.name)
            seen.add((entry.name, entry.inode()))

    def keep_looking() -> None:
        while not ended.wait(0.001):
            if directory.is_dir():
                look()

    watcher = threading.Thread(target=keep_looking)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
    assert not wrong
