"""Contents that snapshots protect: hard links to the files of a repository, so they cost no space.

They stay readable when the files are deleted or replaced. Where links fail, they are copies.
"""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from microrepo.errors import DigestMismatch, RepositoryError
from microrepo.model import Digests
from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.stores.content_store import ContentStore, prepare_folder
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.hard_links import CANNOT_LINK
from microrepo.stores.placement import Sharing, place_file
from microrepo.stores.plain_files import replace_file

_FOLDERS = tuple(f"{number:02x}" for number in range(256))
_COPY = Sharing(replace=True)


class StoredBytes(Struct, frozen=True):
    """What a store holds.

    Attributes:
        files, size_bytes: all contents.
        own_files, own_bytes: those of them that no other name leads to.
    """

    files: int = 0
    size_bytes: int = 0
    own_files: int = 0
    own_bytes: int = 0


def _prepare_real_folder(folder: Path) -> None:
    if folder.is_symlink():
        raise RepositoryError(
            folder, "is a link, and contents of snapshots are kept in real directories only"
        )
    prepare_folder(folder)


def _delete_incomplete(folder: Path) -> None:
    for left in folder.glob(".*.part"):
        with suppress(FileNotFoundError, IsADirectoryError):
            left.unlink()


class ProtectedContents(ContentStore):
    """The contents of a repository's snapshots."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._directory: Path | None = None
        self._inodes: dict[str, int] = {}
        self._known: dict[str, int] = {}

    @classmethod
    def of(cls, repository: Path) -> ProtectedContents:
        """Return the contents that the snapshots of a repository protect."""
        return cls(repository / CONTROL_FOLDER / "objects")

    def prepare(self) -> None:
        """Create the folders.

        Raises:
            OSError: they cannot be created.
        RepositoryError: one is a link to somewhere else.
        """
        for folder in (self.path, *(self.path / name for name in _FOLDERS)):
            _prepare_real_folder(folder)

    def keep(self, directory: Path, files: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
        """Protect files; yield the name of each that cannot be read, and why.

        A stored content that is not a link to the file is replaced by one, since the file was
        verified later.

        Args:
            directory: directory of the files.
            files: name and SHA-256 of verified files.

        Raises:
            OSError: the store cannot be written to.
        """
        source_fd = os.open(directory, os.O_RDONLY)
        store_fd = os.open(self.path, os.O_RDONLY)
        inodes = self._inodes_of(directory)
        known = self._known
        try:
            for filename, sha256 in files:
                if sha256 in known and known[sha256] == inodes.get(filename):
                    continue  # without a call to the system: most of a repository stays
                try:
                    # `os`, not pathlib, which is slower: for hundreds of thousands of files.
                    os.link(
                        filename,
                        f"{sha256[:2]}/{sha256}",
                        src_dir_fd=source_fd,
                        dst_dir_fd=store_fd,
                    )
                except FileExistsError:
                    problem = self._keep_again(directory / filename, sha256)
                except OSError as error:
                    problem = self._keep_otherwise(directory / filename, sha256, error)
                else:
                    continue
                if problem:
                    yield filename, problem
        finally:
            os.close(source_fd)
            os.close(store_fd)

    def _inodes_of(self, directory: Path) -> dict[str, int]:
        """Return the inode numbers of the files of a directory, read once."""
        if self._directory != directory:
            self._directory = directory
            with os.scandir(directory) as entries:
                self._inodes = {entry.name: entry.inode() for entry in entries}
            if directory.stat().st_dev == self.path.stat().st_dev:
                self._known = dict(self._stored_inodes())
        return self._inodes

    def _stored_inodes(self) -> Iterator[tuple[str, int]]:
        for folder in _FOLDERS:
            with os.scandir(self.path / folder) as entries:
                for entry in entries:
                    yield entry.name, entry.inode()

    def _keep_otherwise(self, source: Path, sha256: str, error: OSError) -> str:
        if error.errno == errno.ENOENT:
            return "missing"
        if error.errno in CANNOT_LINK:
            return self._copy(source, sha256)
        raise error

    def _keep_again(self, source: Path, sha256: str) -> str:
        """Link a content that is stored already; return why it cannot be read."""
        stored = self.place(sha256)
        before, after = source.stat(), stored.lstat()
        if (before.st_dev, before.st_ino) == (after.st_dev, after.st_ino):
            return ""
        temporary = stored.with_name(f".{secrets.token_hex(8)}.part")
        try:
            os.link(source.resolve(), temporary)
        except OSError as error:
            if error.errno not in CANNOT_LINK:
                raise
            is_same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
            return "" if is_same else self._copy(source, sha256)
        replace_file(str(temporary), str(stored))
        return ""

    def _copy(self, source: Path, sha256: str) -> str:
        stored = self.place(sha256)
        try:
            place_file(source, stored.parent, stored.name, Digests(sha256=sha256), _COPY)
        except DigestMismatch as error:
            return f"damaged: {error.why(stored.name)}"
        except PermissionError as error:
            return f"cannot be read: {disk_words(error)}"
        return ""

    def delete(self, contents: Iterable[str]) -> StoredBytes:
        """Delete contents; return how many were there, and the bytes that this frees."""
        files = size_bytes = own_files = own_bytes = 0
        for sha256 in contents:
            path = self.place(sha256)
            with suppress(FileNotFoundError, IsADirectoryError):
                status = path.lstat()
                path.unlink()
                files += 1
                size_bytes += status.st_size
                if status.st_nlink == 1:
                    own_files += 1
                    own_bytes += status.st_size
        return StoredBytes(files, size_bytes, own_files, own_bytes)

    def contents(self) -> Iterator[str]:
        """Yield the SHA-256 of everything stored."""
        return (one.sha256 for one in self.objects())

    def measure(self) -> StoredBytes:
        """Return what is stored."""
        files = size_bytes = own_files = own_bytes = 0
        for one in self.objects():
            files += 1
            size_bytes += one.size_bytes
            if not one.used_elsewhere:
                own_files += 1
                own_bytes += one.size_bytes
        return StoredBytes(files, size_bytes, own_files, own_bytes)

    def clean(self) -> None:
        """Delete incomplete copies of a killed run."""
        for folder in _FOLDERS:
            _delete_incomplete(self.path / folder)
