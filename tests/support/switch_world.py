"""A repository with two snapshots, readers that check all of it, and commands that end anywhere."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from microrepo.cli import main
from microrepo.operations.snapshot.snapshot_files import SnapshotFiles
from microrepo.standalone.importer.manifest_entries import ManifestFile
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

# Steps of a program on a file system, as audit events; the exchange of trees loads a function.
_STEPS = frozenset(
    {"os.link", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.utime", "ctypes.dlsym"}
)
KILLED = 97
Hook = Callable[[str, tuple[Any, ...]], None]
Files = Mapping[str, Mapping[str, str]]


class Steps:
    """An audit hook that counts steps on a file system, and acts at one of them.

    Args:
        at: number of the step.
        act: what happens there.
        only: events that count; default: all.
    """

    def __init__(
        self, at: int, act: Callable[[], None], only: frozenset[str] = frozenset()
    ) -> None:
        self.count = 0
        self._at = at
        self._act = act
        self._only = only or _STEPS

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        is_write = event == "open" and isinstance(args[2], int) and args[2] & os.O_ACCMODE
        if event not in self._only and not (is_write and "open" in (self._only or {"open"})):
            return
        self.count += 1
        if self.count == self._at or self._at < 0:
            self._act()


def kill_at(step: int) -> Hook:
    """Return a hook that ends the process at a step."""
    return Steps(step, lambda: os._exit(KILLED))


def fail(code: int, step: int = -1, only: frozenset[str] = frozenset()) -> Hook:
    """Return a hook that makes a step, or with -1 all of them, fail."""

    def act() -> None:
        raise OSError(code, os.strerror(code))

    return Steps(step, act, only)


NO_LINKS = fail(errno.EPERM, only=frozenset({"os.link"}))


class SwitchWorld:
    """A repository that was kept as the snapshots `one` and `two`, and is as `two`.

    Args:
        path: where it is made.
        replaced: a file of one name has other contents in the two.
    """

    def __init__(self, path: Path, *, replaced: bool = False) -> None:
        self.path = path
        self.own = build_wheel("own", "1.0")
        self._loosely = ["rebuilt-1.0-py3-none-any.whl"] if replaced else []
        shelf = Shelf(path)
        both = [build_wheel(f"both{number}", "1.0") for number in range(3)]
        for built in (*both, build_wheel("app", "1.0"), build_wheel("gone", "1.0")):
            shelf.hold(built)
        if replaced:
            shelf.hold(build_wheel("rebuilt", "1.0"))
        self._settle(shelf, "one")
        shelf.drop("app-1.0-py3-none-any.whl", "gone-1.0-py3-none-any.whl")
        with shelf.state.transaction():
            shelf.state.forget_projects(["gone"])
        for built in (build_wheel("app", "2.0"), build_wheel("new", "1.0")):
            shelf.hold(built)
        shelf.hold(both[0], yanked=True)
        if replaced:
            rebuilt = build_wheel("rebuilt", "1.0", payload_size=300)
            (path / rebuilt.filename).unlink()
            shelf.hold(rebuilt)
        self._settle(shelf, "two")
        (path / self.own.filename).write_bytes(self.own.content)
        (path / "notes.txt").write_text("mine")
        shelf.state.close()
        self.listed = {name: self._files_of(name) for name in ("one", "two")}

    def _settle(self, shelf: Shelf, name: str) -> None:
        shelf.publish()
        shelf.state.close()
        assert self.run("snapshot", "create", name) == 0
        shelf.__init__(self.path)  # type: ignore[misc]

    def _files_of(self, name: str) -> Files:
        files: dict[str, dict[str, str]] = {}
        for entry in SnapshotFiles(self.path).entries(name):
            if isinstance(entry, ManifestFile):
                files.setdefault(entry.project, {})[entry.filename] = entry.sha256
        return files

    def copy_to(self, path: Path) -> SwitchWorld:
        """Return a copy of the repository, with its links."""
        shutil.copytree(self.path, path, copy_function=os.link)
        # The database is written in place.
        for name in ("state.db", "state.db-wal", "state.db-shm"):
            with suppress(FileNotFoundError):
                (path / ".microrepo" / name).unlink()
                shutil.copy2(self.path / ".microrepo" / name, path / ".microrepo" / name)
        other = SwitchWorld.__new__(SwitchWorld)
        other.__dict__.update(self.__dict__)
        other.path = path
        return other

    # --- commands -----------------------------------------------------------------------------

    def arguments(self, *words: str) -> list[str]:
        """Return the arguments of a command on the repository."""
        more = ["--min-free-space", "0", "--processes", "1"] if "restore" in words else []
        return [*words, "--repository", str(self.path), *more, "--quiet"]

    def run(self, *words: str) -> int:
        """Run a command in this process."""
        return main(self.arguments(*words))

    def run_apart(self, hook: Hook, *words: str) -> tuple[int, str]:
        """Run a command in a fork, with an audit hook; return its exit code and output."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            code = 98
            try:
                os.dup2(writing, 1)
                os.dup2(writing, 2)
                os.close(reading)
                import sys

                # pytest has streams of its own.
                sys.stdout = os.fdopen(1, "w", closefd=False)
                sys.stderr = os.fdopen(2, "w", closefd=False)
                sys.addaudithook(hook)
                code = main(self.arguments(*words))
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(code)
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            said = stream.read().decode(errors="replace")
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said

    def steps_of(self, *words: str) -> int:
        """Return how many steps a command takes, running it in a fork."""
        reading, writing = os.pipe()
        steps = Steps(0, lambda: None)
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                import sys

                sys.addaudithook(steps)
                main(self.arguments(*words))
                os.write(writing, str(steps.count).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            count = int(stream.read())
        os.waitpid(child, 0)
        return count

    # --- readers ------------------------------------------------------------------------------

    def check_readers(self, *, loosely: Sequence[str] = ()) -> str:
        """Return which snapshot readers see; every page, link and digest must agree with it.

        Args:
            loosely: files whose content may be that of the other snapshot.

        Raises:
            AssertionError: they see a mixture, or something that is not whole.
        """
        seen = self._read_tree("simple")
        found = [name for name, files in self.listed.items() if seen == files]
        assert found, f"a mixture: {seen}"
        for files in seen.values():
            for filename, sha256 in files.items():
                content = (self.path / filename).read_bytes()
                same = hashlib.sha256(content).hexdigest() == sha256
                assert same or filename in loosely, filename
        assert self._read_tree("pypi") in self.listed.values()
        assert (self.path / "notes.txt").read_text() == "mine"
        assert (self.path / self.own.filename).read_bytes() == self.own.content
        return found[0]

    def check_completion(self, target: str) -> None:
        """Check what a killed restore has left, and let the next command complete it.

        Raises:
            AssertionError: readers saw a mixture, or the end is not one of the snapshots.
        """
        began = (self.path / ".microrepo/switch.json").exists()
        seen = self.check_readers(loosely=self._loosely)
        assert self.run("verify") == 0
        self.is_consistent(target if began else seen)

    def _read_tree(self, tree: str) -> Files:
        """Read one tree through a descriptor, so that all of it is of one moment."""
        root = os.open(self.path / tree, os.O_RDONLY)
        try:
            names = [name for name in os.listdir(root) if "." not in name]
            if tree == "simple":
                page = json.loads(_read(root, "index.v1_json"))
                assert sorted(names) == sorted(one["name"] for one in page["projects"])
            read = _files_on_page if tree == "simple" else _files_in_document
            return {name: read(root, name) for name in names}
        finally:
            os.close(root)

    def is_consistent(self, name: str) -> None:
        """Assert that directory, state and pages are as a snapshot says, and nothing is left over.

        Raises:
            AssertionError: they are not.
        """
        assert self.check_readers() == name
        files = {path.name for path in self.path.glob("*.whl")}
        listed = {filename for files in self.listed[name].values() for filename in files}
        assert files == listed | {self.own.filename}
        assert not (self.path / ".microrepo/switch.json").exists()
        assert self.run("verify", "--deep") == 0


def _read(root: int, path: str) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY, dir_fd=root), "rb") as stream:
        return stream.read()


def _files_on_page(root: int, name: str) -> dict[str, str]:
    page = json.loads(_read(root, f"{name}/index.v1_json"))
    html = _read(root, f"{name}/index.html").decode()
    files = {file["filename"]: file["hashes"]["sha256"] for file in page["files"]}
    assert all(f"{filename}#sha256={sha256}" in html for filename, sha256 in files.items())
    return files


def _files_in_document(root: int, name: str) -> dict[str, str]:
    document = json.loads(_read(root, f"{name}/json"))
    return {
        file["filename"]: file["digests"]["sha256"]
        for release in document["releases"].values()
        for file in release
    }
