"""Advisories that a repository keeps: OSV's archive, its index, and where they came from.

They are in `.microrepo/osv`, the archive where osv-scanner looks for it with
`OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY`. The archive is written first, so an index that does not name
its digest is built again.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.clock import now
from microrepo.errors import RepositoryError
from microrepo.formats.advisories.index_building import build_index
from microrepo.formats.advisories.known_advisories import KnownAdvisories
from microrepo.formats.advisories.osv_archive import OSV_ARCHIVE
from microrepo.formats.times import from_ns
from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.standalone.server.advisories.advisory_index import (
    ARCHIVE_PLACE,
    INDEX_PLACE,
    ORIGIN_PLACE,
    OSV_FOLDER,
    AdvisoryIndex,
    AdvisoryIndexError,
)
from microrepo.stores.atomic_write import public_mode, write_atomically
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.hashing import hash_file
from microrepo.stores.plain_files import prepare_own_folder, read_plain_file


class AdvisoryOrigin(Struct, frozen=True):
    """Where the kept archive came from.

    Attributes:
        url: without credentials; a path for a file.
        sha256: of the archive.
        as_of: time at which the source had it, normalised.
        validator: for a conditional request, "" without one.
    """

    url: str
    sha256: str
    as_of: str
    validator: str = ""


class AdvisoryFiles:
    """The files of one repository.

    Attributes:
        archive: OSV's archive.
        index: made from it.
        origin_file: where the archive came from.
    """

    def __init__(self, repository: Path) -> None:
        folder = repository / CONTROL_FOLDER / OSV_FOLDER
        self._folders = (folder, folder / ARCHIVE_PLACE[0], folder.joinpath(*ARCHIVE_PLACE[:-1]))
        self.archive = folder.joinpath(*ARCHIVE_PLACE)
        self.index = folder.joinpath(*INDEX_PLACE)
        self.origin_file = folder.joinpath(*ORIGIN_PLACE)

    def exist(self) -> bool:
        """Return whether there is an archive."""
        return self.archive.is_file()

    def sha256(self) -> str:
        """Return the digest of the archive, "" without one."""
        try:
            return hash_file(self.archive, ("sha256",)).sha256 or ""
        except OSError:
            return ""

    def origin(self) -> AdvisoryOrigin | None:
        """Return where the archive came from, None if that is unknown."""
        with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
            return msgspec.json.decode(read_plain_file(self.origin_file), type=AdvisoryOrigin)
        return None

    def as_of(self) -> str | None:
        """Return the time of the archive; that of its file if the source is unknown.

        None without an archive.
        """
        try:
            modified_ns = self.archive.stat().st_mtime_ns
        except OSError:
            return None
        origin = self.origin()
        return origin.as_of if origin is not None else from_ns(modified_ns)

    def known(self, ignored: Sequence[str] = (), *, mends: bool = False) -> KnownAdvisories | None:
        """Return the kept advisories; None without an archive.

        Args:
            ignored: ids or aliases of advisories that do not count.
            mends: write the index, which the server reads, if it had to be made again.

        Raises:
            MalformedResponse: the archive is damaged.
            RepositoryError: it cannot be read, or the index not written.
        """
        if not self.exist():
            return None
        opened = self._opened()
        if mends and not opened.is_kept:
            self._write(self.index, opened.content)
        return KnownAdvisories(opened.index, ignored)

    def index_content(self) -> bytes:
        """Return the index of the archive, made again if the kept one is that of another.

        Raises:
            MalformedResponse: the archive is damaged.
            RepositoryError: it cannot be read.
        """
        return self._opened().content

    def _opened(self) -> _OpenedIndex:
        sha256 = self.sha256()
        with suppress(OSError, AdvisoryIndexError):
            content = read_plain_file(self.index)
            index = _open_index(content)
            if index.facts.get("sha256") == sha256:
                return _OpenedIndex(index, content, is_kept=True)
        archive = io.BytesIO(self._read_archive())
        content = build_index(archive, "advisories", sha256, now()).content
        return _OpenedIndex(_open_index(content), content, is_kept=False)

    def origin_content(self) -> bytes:
        """Return the record of where the archive came from; made, if somebody put it there."""
        origin = self.origin()
        if origin is None or origin.sha256 != self.sha256():
            origin = AdvisoryOrigin("", self.sha256(), self.as_of() or "")
        return _origin_text(origin)

    def _read_archive(self) -> bytes:
        try:
            if self.archive.stat().st_size > OSV_ARCHIVE.size_bytes:
                raise RepositoryError(self.archive, "is too large for an archive of advisories")
            return read_plain_file(self.archive)
        except OSError as error:
            raise RepositoryError(self.archive, f"cannot be read: {disk_words(error)}") from error

    def save(self, archive: bytes, index: bytes, origin: AdvisoryOrigin) -> None:
        """Replace all files, the archive first.

        Raises:
            RepositoryError: they cannot be written.
        """
        try:
            for folder in self._folders:
                prepare_own_folder(folder)
        except OSError as error:
            raise RepositoryError(
                self.archive, f"cannot be written: {disk_words(error)}"
            ) from error
        self._write(self.archive, archive)
        self._write(self.index, index)
        self.confirm(origin)

    def confirm(self, origin: AdvisoryOrigin) -> None:
        """Record where the archive came from, and when.

        Raises:
            RepositoryError: it cannot be written.
        """
        self._write(self.origin_file, _origin_text(origin))

    def _write(self, path: Path, content: bytes) -> None:
        try:
            write_atomically(path, content, public_mode(), follow=False)
        except OSError as error:
            raise RepositoryError(path, f"cannot be written: {disk_words(error)}") from error


class _OpenedIndex(Struct, frozen=True):
    """The index of the archive; `is_kept` unless it had to be made again."""

    index: AdvisoryIndex
    content: bytes
    is_kept: bool


def _origin_text(origin: AdvisoryOrigin) -> bytes:
    return msgspec.json.format(msgspec.json.encode(origin), indent=1) + b"\n"


def known_from(content: bytes, ignored: Sequence[str] = ()) -> KnownAdvisories:
    """Return the advisories in an index.

    Raises:
        AdvisoryIndexError: it is damaged, or of another format.
    """
    return KnownAdvisories(_open_index(content), ignored)


def _open_index(content: bytes) -> AdvisoryIndex:
    """Return an index of which all is there; a damaged block would be noticed only in use."""
    index = AdvisoryIndex(lambda at, size: content[at : at + size])
    rest = memoryview(content)[content.index(b"\n") + 1 :]
    if hashlib.sha256(rest).hexdigest() != index.facts.get("rest_sha256"):
        raise AdvisoryIndexError("is damaged, or of an earlier version")
    return index
