"""Tables of files, their requirers and their metadata."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from microrepo.errors import StateCorrupt
from microrepo.model import Cause, Digests, NormalizedName
from microrepo.state.rows import FileRow, Owner, Requirer
from microrepo.state.tables.table import Table

FILE_COLUMNS = (
    "filename, project, version, url, size, sha256, blake2b_256, md5, present, mtime_ns, cause, "
    "detail, owner"
)
_FILE_MARKS = ", ".join("?" * len(FILE_COLUMNS.split(",")))
_YES_OR_NO = (0, 1)
# The usual spellings are recognised here, a hundred times faster than by a parser.
_MISNAMED = f"""
SELECT {FILE_COLUMNS} FROM (SELECT * FROM files WHERE filename > ? ORDER BY filename LIMIT ?)
WHERE substr(lower(replace(replace(filename, '_', '-'), '.', '-')), 1, length(project) + 1)
    <> project || '-'
OR instr(filename, '-' || version || '-') = 0
    AND substr(filename, -length(version) - 8) <> '-' || version || '.tar.gz'
    AND substr(filename, -length(version) - 5) <> '-' || version || '.zip'
"""
_CAUSES = {cause.value: cause for cause in Cause}
_OWNERS = {owner.value: owner for owner in Owner}


class FileTable(Table):
    """The tables of files, their requirers and their metadata."""

    def files(self, projects: Iterable[str] | None = None) -> Iterator[FileRow]:
        """Yield the files of the named (or all) projects."""
        rows = self._select(f"SELECT {FILE_COLUMNS} FROM files", "project", projects)
        return map(_to_file_row, rows)

    def files_named(self, filenames: Iterable[str]) -> dict[str, FileRow]:
        """Return the existing rows of the named files."""
        rows = self._select(f"SELECT {FILE_COLUMNS} FROM files", "filename", filenames)
        return {row[0]: _to_file_row(row) for row in rows}

    def filenames_of(self, owner: Owner, cause: Cause | None = None) -> Iterator[str]:
        """Yield the names of the files that somebody put there, for one cause or any."""
        query = "SELECT filename FROM files WHERE owner = ?"
        values = [owner.value]
        if cause is not None:
            query += " AND cause = ?"
            values.append(cause.value)
        return (row[0] for row in self._db.execute(query, values))

    def held_projects(self) -> frozenset[str]:
        """Return the projects with present files."""
        query = "SELECT DISTINCT project FROM files WHERE present"
        return frozenset(row[0] for row in self._db.execute(query))

    def absent_files(self) -> Iterator[FileRow]:
        """Yield the files that are only listed, or about to be downloaded."""
        return map(
            _to_file_row, self._db.execute(f"SELECT {FILE_COLUMNS} FROM files WHERE NOT present")
        )

    def iter_stats(self, after: str = "", limit: int = -1) -> Iterator[tuple[str, str, int, int]]:
        """Yield (filename, project, size, mtime_ns) of present files, in the order of their names.

        Args:
            after: start after this name.
            limit: yield at most this many; negative for all.
        """
        return iter(
            self._db.execute(
                "SELECT filename, project, size, mtime_ns FROM files "
                "WHERE present AND filename > ? ORDER BY filename LIMIT ?",
                (after, limit),
            )
        )

    def misnamed_files(self, after: str, limit: int) -> tuple[list[FileRow], str]:
        """Return the files whose name may not be one of their project and version.

        Args:
            after: check the files after this name.
            limit: check this many.

        Returns:
            The files, and the name after which the next check begins; "" for the first.
        """
        found = self._db.execute(_MISNAMED, (after, limit))
        end = self._db.execute(
            "SELECT filename FROM files WHERE filename > ? ORDER BY filename LIMIT 1 OFFSET ?",
            (after, limit - 1),
        ).fetchone()
        return [_to_file_row(row) for row in found], "" if end is None else str(end[0])

    def count_present(self, at_most: int | None = None) -> int:
        """Return the number of present files, counted up to a limit."""
        return self._count("SELECT 1 FROM files WHERE present", at_most)

    def count_recorded(self, at_most: int | None = None) -> int:
        """Return the number of files that are present or listed; as above."""
        return self._count("SELECT 1 FROM files", at_most)

    def present_bytes(self) -> int:
        """Return the bytes of all present files."""
        query = "SELECT coalesce(sum(size), 0) FROM files WHERE present"
        return int(self._db.execute(query).fetchone()[0])

    def save_files(self, rows: Iterable[FileRow]) -> None:
        """Insert or replace file rows."""
        self._db.executemany(
            f"INSERT OR REPLACE INTO files({FILE_COLUMNS}) VALUES ({_FILE_MARKS})",
            (file_values(row) for row in rows),
        )

    def delete_files(self, filenames: Iterable[str]) -> None:
        """Delete file rows and their requirers."""
        names = [(name,) for name in filenames]
        self._db.executemany("DELETE FROM files WHERE filename = ?", names)
        self._db.executemany("DELETE FROM required_by WHERE filename = ?", names)

    def save_requirers(self, rows: Iterable[Requirer], *, replace: bool) -> None:
        """Store the requirers of files; with `replace`, delete all previous ones."""
        if replace:
            self._db.execute("DELETE FROM required_by")
        self._db.executemany(
            "INSERT OR REPLACE INTO required_by VALUES (?, ?, ?, ?, ?)",
            (msgspec.structs.astuple(row) for row in rows),
        )

    def requirers(self, filename: str) -> list[Requirer]:
        """Return the requirers of a file."""
        rows = self._db.execute("SELECT * FROM required_by WHERE filename = ?", (filename,))
        return [Requirer(*row) for row in rows]

    def all_requirers(self) -> Iterator[Requirer]:
        """Yield the requirers of all files."""
        return (Requirer(*row) for row in self._db.execute("SELECT * FROM required_by"))

    def metadata(self, filenames: Iterable[str]) -> dict[str, tuple[str, bytes]]:
        """Return the digest and packed metadata of files, if known, by file name."""
        query = "SELECT filename, digest, metadata FROM metadata"
        rows = self._select(query, "filename", filenames)
        return {name: (digest, metadata) for name, digest, metadata in rows}

    def save_metadata(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        """Store packed metadata: file name, the file's digest, metadata."""
        self._db.executemany("INSERT OR REPLACE INTO metadata VALUES (?, ?, ?)", rows)


def _to_file_row(row: Sequence[Any]) -> FileRow:
    filename, project, version, url, size, sha256, blake2b, md5, present, mtime_ns, *why = row
    cause, detail, owner = why
    possible = (
        (type(filename), type(project), type(mtime_ns)) == (str, str, int)
        and "/" not in filename
        and (size is None or (type(size) is int and size >= 0))
        and (sha256 is None or (type(sha256) is str and len(sha256) == 64))
        and present in _YES_OR_NO
        and cause in _CAUSES
        and owner in _OWNERS
    )
    if not possible:
        raise StateCorrupt(
            "state.db", f"{filename}: impossible value; the next refresh rebuilds the state"
        )
    return FileRow(
        filename,
        NormalizedName(project),
        version,
        url,
        size,
        Digests(sha256, blake2b, md5),
        bool(present),
        mtime_ns,
        _CAUSES[cause],
        detail,
        _OWNERS[owner],
    )


def file_values(row: FileRow) -> tuple[object, ...]:
    """Return the values of a row, in the order of `FILE_COLUMNS`."""
    digests = row.digests
    return (
        row.filename,
        row.project,
        row.version,
        row.url,
        row.size,
        digests.sha256,
        digests.blake2b_256,
        digests.md5,
        row.present,
        row.mtime_ns,
        row.cause.value,
        row.detail,
        row.owner.value,
    )
