"""Flat directory of a repository: paths and durable file operations."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from microrepo.errors import RepositoryError
from microrepo.standalone.importer.control_files import CONTROL_FOLDER, SWITCH_JOURNAL
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.durability import sync_path
from microrepo.stores.page_paths import TREES
from microrepo.stores.plain_files import prepare_own_folder, put_aside_odd

# With more files, a scan in each run costs too much.
SCAN_LIMIT = 200_000
# Missing, a file instead of a directory, a link to itself.
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


def sidecar_name(filename: str) -> str:
    """Return the name of the metadata file of a wheel."""
    return f"{filename}.metadata"


def provenance_name(filename: str) -> str:
    """Return the name of the provenance object of a distribution."""
    return f"{filename}.provenance"


class Recorded(Protocol):
    """Recorded size and modification time of a file."""

    @property
    def size(self) -> int | None:
        """Bytes."""

    @property
    def mtime_ns(self) -> int:
        """Modification time."""


class OnDisk(Struct, frozen=True, gc=False):
    """Current size and modification time of a file on disk."""

    size_bytes: int
    mtime_ns: int

    def matches(self, known: Recorded) -> bool:
        """Return whether size and time are as recorded, so that the content counts as unchanged."""
        return (self.size_bytes, self.mtime_ns) == (known.size, known.mtime_ns)


class FlatDirectory:
    """Paths and primitive operations of one repository directory.

    Args:
        scratch: directory for partial downloads and rate limits; default: in the control directory.
            A dry run, which must not change the repository, uses another one.
        pages: directory of the page trees, if they are prepared elsewhere; default: `path`.
    """

    def __init__(self, path: Path, scratch: Path | None = None, pages: Path | None = None) -> None:
        self.path = path
        self.pages = pages or path
        self.control = path / CONTROL_FOLDER
        self.state_file = self.control / "state.db"
        self.lock_file = self.control / "lock"
        self.switch_file = self.control / SWITCH_JOURNAL
        self.partial = (scratch or self.control) / "partial"
        self.limits = (scratch or self.control) / "limits"

    def prepare(self) -> None:
        """Create the directory and its control directory if they are missing.

        Raises:
            RepositoryError: the path is unsuitable or not writable.
        """
        refuse_unfit(self.path)
        if self.control.is_symlink():
            raise RepositoryError(
                self.control, "is a symbolic link, which is not followed; make it a directory"
            )
        try:
            for directory in (self.path, self.control):
                directory.mkdir(parents=True, exist_ok=True)
            self.prepare_scratch()
            for name in TREES:
                _refuse_odd(self.path / name)
        except OSError as error:
            words = disk_words(error, self.path)
            raise RepositoryError(self.path, f"cannot be written to: {words}") from error
        if not os.access(self.path, os.W_OK) or not os.access(self.control, os.W_OK):
            raise RepositoryError(self.path, "cannot be written to: permission denied")

    def prepare_scratch(self) -> None:
        """Create the directories for partial downloads and rate limits."""
        for directory in (self.partial, self.limits):
            _refuse_odd(directory)
            directory.mkdir(parents=True, exist_ok=True)

    def exists(self) -> bool:
        """Return whether the directory exists."""
        return self.path.is_dir()

    def file(self, filename: str) -> Path:
        """Return the path of a distribution."""
        return self.path / filename

    def place(self, path: str) -> Path:
        """Return the path of a page or another published file."""
        return self.pages / path

    def begun_switch(self) -> str:
        """Return that a killed run has left files and pages of two states, and what helps; or ""."""
        if not os.path.lexists(self.switch_file):
            return ""
        return (
            "a restore or an import was killed before its end; "
            f"`microrepo index --repository {self.path}` completes it"
        )

    def refuse_begun_switch(self) -> None:
        """Raise RepositoryError if a killed run has left files and pages of two states.

        Raises:
            RepositoryError: it names the command that completes that run.
        """
        if words := self.begun_switch():
            raise RepositoryError(self.path, words)

    def scan(self) -> dict[str, OnDisk]:
        """Return every plain file at the top level, following symbolic links."""
        found = {}
        try:
            with os.scandir(self.path) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    try:
                        status = entry.stat()
                    except OSError:  # a link to itself, or a dangling link
                        continue
                    if not stat.S_ISREG(status.st_mode):
                        continue
                    found[entry.name] = OnDisk(status.st_size, status.st_mtime_ns)
        except FileNotFoundError:
            return {}
        return found

    def stat(self, filename: str) -> OnDisk | None:
        """Return size and time of one file, None if it is missing."""
        try:
            # A path object would take longer than the call.
            status = os.stat(f"{self.path}{os.sep}{filename}")  # noqa: PTH116
        except OSError as error:
            if error.errno not in _ABSENT:
                raise
            return None
        return OnDisk(status.st_size, status.st_mtime_ns)

    def delete(self, filenames: Iterable[str]) -> Iterator[str]:
        """Delete files and their sidecars; yield each deleted name."""
        for filename in filenames:
            for name in (sidecar_name(filename), provenance_name(filename), filename):
                self.file(name).unlink(missing_ok=True)
            yield filename

    def quarantine(self, filename: str, project: str, reason: str) -> None:
        """Move a file to quarantine, with the reason in a file beside it."""
        aside = self.control / "quarantine" / project
        for folder in (aside.parent, aside):
            prepare_own_folder(folder)
        name, number = filename, 1
        while (aside / name).exists():  # what was put aside earlier stays
            number += 1
            name = f"{filename}.{number}"
        (aside / f"{name}.reason").write_text(reason + "\n", encoding="utf-8")
        self.file(sidecar_name(filename)).unlink(missing_ok=True)
        for old, new in ((provenance_name(filename), provenance_name(name)), (filename, name)):
            with suppress(FileNotFoundError):
                self.file(old).replace(aside / new)

    def sync(self) -> None:
        """Make renames and deletions in the directory durable."""
        sync_path(self.path)

    def free_bytes(self) -> int:
        """Return the free bytes of the file system for this user."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def free_inodes(self) -> int | None:
        """Return the free inodes of the file system; None without such a limit."""
        status = os.statvfs(self.path)
        return status.f_favail if status.f_files else None

    def clean_partials(self, keep: set[str]) -> None:
        """Delete partial downloads that no task of this run resumes."""
        for entry in self.partial.iterdir():
            if entry.name not in keep:
                with suppress(IsADirectoryError):  # not ours
                    entry.unlink(missing_ok=True)


def _refuse_odd(directory: Path) -> None:
    """Put aside what is not a directory.

    Through a link, files of somebody else would be replaced, or taken for downloads and removed.
    """
    if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
        put_aside_odd(directory, "not-a-directory")


def refuse_unfit(path: Path) -> None:
    """Raise RepositoryError for directories that cannot be a repository.

    Raises:
        RepositoryError: the home directory, the root, a source checkout, or not a directory.
    """
    real = Path(os.path.realpath(path))
    if real == Path.home().resolve() or real == Path(real.anchor):
        raise RepositoryError(
            path, "the home or root directory cannot be a repository; name a directory in it"
        )
    if path.exists() and not path.is_dir():
        raise RepositoryError(path, "is a file, not a directory; choose another directory")
    for marker in (".git", "setup.py"):
        if (path / marker).exists():
            raise RepositoryError(
                path,
                f"contains {marker}, so it looks like a source checkout; choose another directory",
            )
