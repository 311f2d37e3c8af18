"""Log of changes in the directory: files from the history, pages from triggers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from msgspec import Struct

from microrepo.model import Cause
from microrepo.state.tables.run_table import to_cause

ROOT_PLACE = "simple/"


class ChangedFile(Struct, frozen=True, gc=False):
    """The last change of a file in the flat directory within a range of runs.

    Attributes:
        size: bytes of the file, None if unknown.
        sha256: digest of the file, hex, None if unknown.
    """

    filename: str
    action: str
    cause: Cause
    detail: str
    size: int | None
    sha256: str | None


class ChangeLog:
    """Changes within a range of runs, first and last included."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def last_run(self) -> int:
        """Return the number of the newest run, 0 without any."""
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM runs").fetchone()[0])

    def files(self, first: int, last: int) -> Iterator[ChangedFile]:
        """Yield the added and deleted files, by name, each with its last change."""
        rows = self._db.execute(
            "SELECT max(rowid), filename, action, cause, detail, size, sha256 FROM history "
            "WHERE run BETWEEN ? AND ? AND action <> 'index' "
            "GROUP BY filename ORDER BY filename",
            (first, last),
        )
        for _, filename, action, cause, *rest in rows:
            yield ChangedFile(filename, action, to_cause(cause), *rest)

    def places(self, first: int, last: int) -> Iterator[str]:
        """Yield the other changed paths, by name.

        These are metadata files, files that microrepo did not download, `simple/<project>/` for all
        pages of a project, and `simple/` for the pages of all projects with the files at the top.
        """
        rows = self._db.execute(
            "SELECT DISTINCT place FROM tree_changes WHERE run BETWEEN ? AND ? AND place NOT IN "
            "(SELECT filename FROM history WHERE run BETWEEN ? AND ?) ORDER BY place",
            (first, last, first, last),
        )
        return (str(row[0]) for row in rows)

    def any(self, first: int, last: int) -> bool:
        """Return whether anything changed."""
        for table in ("history", "tree_changes"):
            query = f"SELECT 1 FROM {table} WHERE run BETWEEN ? AND ? LIMIT 1"
            if self._db.execute(query, (first, last)).fetchone():
                return True
        return False

    def note(self, run: int, place: str) -> None:
        """Record that a run changes a path; in a transaction of the state's writer."""
        self._db.execute("INSERT OR IGNORE INTO tree_changes VALUES (?, ?)", (run, place))

    def forget_before(self, started_at: str) -> None:
        """Delete pages and reports of runs started before a time; keep the history of files."""
        row = self._db.execute(
            "SELECT max(id) FROM runs WHERE started_at < ?", (started_at,)
        ).fetchone()
        if row[0] is None:
            return
        self._db.execute("DELETE FROM tree_changes WHERE run <= ?", (row[0],))
        self._db.execute(
            "UPDATE runs SET report = NULL WHERE id <= ? AND report IS NOT NULL", (row[0],)
        )
