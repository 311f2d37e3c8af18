"""Tables of files in the directory: metadata of wheels, files that no refresh downloaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from microrepo.model import File
from microrepo.state.tables.table import Table

_encode_file = msgspec.msgpack.Encoder().encode
_decode_file = msgspec.msgpack.Decoder(File).decode


class FoundRow(Struct, frozen=True, gc=False):
    """A distribution in the flat directory that no refresh downloaded.

    Attributes:
        size: bytes at the time it was read.
        mtime_ns: modification time at the time it was read.
        display_name: name of the project, as the distribution spells it.
        file: its record, from its own metadata.
    """

    filename: str
    project: str
    size: int
    mtime_ns: int
    display_name: str
    file: File


class SidecarRow(Struct, frozen=True, gc=False):
    """The metadata file of a wheel of this size and time; `sha256` is None without one."""

    filename: str
    size: int
    mtime_ns: int
    sha256: str | None


class FoundTable(Table):
    """The tables of wheels' metadata, and of files that no refresh downloaded."""

    def sidecars(self, filenames: Iterable[str]) -> dict[str, SidecarRow]:
        """Return the metadata rows of the named wheels."""
        query = "SELECT filename, size, mtime_ns, sha256 FROM sidecars"
        rows = self._select(query, "filename", filenames)
        return {row[0]: SidecarRow(*row) for row in rows}

    def save_sidecars(self, rows: Iterable[SidecarRow]) -> None:
        """Store the metadata rows of wheels."""
        self._db.executemany(
            "INSERT OR REPLACE INTO sidecars VALUES (?, ?, ?, ?)",
            (msgspec.structs.astuple(row) for row in rows),
        )

    def found_stats(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield (filename, project, size, mtime_ns) of all these files."""
        return iter(self._db.execute("SELECT filename, project, size, mtime_ns FROM found"))

    def found(self, projects: Iterable[str] | None) -> list[FoundRow]:
        """Return such files of the named (or all) projects."""
        query = "SELECT filename, project, size, mtime_ns, display_name, file FROM found"
        rows = self._select(query, "project", projects)
        return [FoundRow(r[0], r[1], r[2], r[3], r[4], _decode_file(r[5])) for r in rows]

    def save_found(self, rows: Iterable[FoundRow]) -> None:
        """Store such files."""
        self._db.executemany(
            "INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?, ?)",
            (
                (r.filename, r.project, r.size, r.mtime_ns, r.display_name, _encode_file(r.file))
                for r in rows
            ),
        )

    def forget_found(self, filenames: Iterable[str]) -> None:
        """Delete the rows of such files that are gone or that a refresh adopted."""
        self._db.executemany("DELETE FROM found WHERE filename = ?", ((n,) for n in filenames))
