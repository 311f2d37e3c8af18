"""State of a repository in an SQLite database with one writer and any readers."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from microrepo.state.change_log import ChangeLog
from microrepo.state.monitoring import Watch
from microrepo.state.overlay import add_overlay
from microrepo.state.publication import Publication
from microrepo.state.rows import FileRow, ProjectRow
from microrepo.state.tables.file_table import FILE_COLUMNS, FileTable, file_values
from microrepo.state.tables.project_table import PROJECT_COLUMNS, ProjectTable
from microrepo.state.tables.run_table import RunTable

_log = logging.getLogger(__name__)
DAMAGED = "damaged"  # key of `meta`


def damage_note(path: Path) -> Path:
    """Return the path of the file that marks the state at `path` as damaged."""
    return path.with_name(f"{path.name}-damaged")


def note_damage(path: Path) -> None:
    """Mark a state that cannot be written as damaged, so that the next run replaces it."""
    with suppress(OSError):
        damage_note(path).touch()


class State(ProjectTable, FileTable, RunTable):
    """State of a repository. Not thread-safe."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, *, read_only: bool = False
    ) -> None:
        super().__init__(connection)
        self._read_only = read_only
        self.path = path
        self.publication = Publication(connection)
        self.changes = ChangeLog(connection)
        self.watch = Watch(connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the block as one transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk has already rolled it back
                self._db.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Merge the write-ahead log into the database, so that it is one file, and close."""
        if not self._read_only:  # this would wait for a writer
            try:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error:
                _log.debug("no checkpoint", exc_info=True)
        self._db.close()

    def overlay(
        self,
        files: Sequence[FileRow],
        projects: Iterable[ProjectRow],
        documents: Iterable[tuple[str, bytes]],
    ) -> None:
        """Add rows that only this reader sees; nothing is written.

        Args:
            files: rows of files, which replace those of the same names.
            projects: rows of projects.
            documents: packed documents by project.
        """
        self._db.execute("PRAGMA query_only = OFF")
        add_overlay(self._db, "files", FILE_COLUMNS, map(file_values, files))
        values = map(msgspec.structs.astuple, projects)
        add_overlay(self._db, "projects", PROJECT_COLUMNS, values)
        add_overlay(self._db, "documents", "name, document", documents)
        if self._db.in_transaction:
            self._db.commit()
        self._db.execute("PRAGMA query_only = ON")

    def mark_damaged(self, text: str) -> None:
        """Mark the state as damaged so that the next run replaces it (best effort)."""
        try:
            with self.transaction():
                self.set_meta(DAMAGED, text)
        except sqlite3.Error:
            _log.debug("the damage cannot be noted inside", exc_info=True)
            note_damage(self.path)

    # --- meta ---------------------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        """Return a stored value, None if it is missing."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Store a value."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def delete_meta(self, key: str) -> None:
        """Delete a value."""
        self._db.execute("DELETE FROM meta WHERE key = ?", (key,))
