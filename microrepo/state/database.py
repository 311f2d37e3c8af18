"""The state of a repository: one writer, readers at any time, all in one SQLite database."""

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
    """Return the file whose presence says that the state at `path` is damaged."""
    return path.with_name(f"{path.name}-damaged")


def note_damage(path: Path) -> None:
    """Have the next run set the state at `path` aside, although nothing can be written into it."""
    with suppress(OSError):
        damage_note(path).touch()


class State(ProjectTable, FileTable, RunTable):
    """The state of one repository. Not for sharing between threads."""

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
        """All writes inside happen together or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk has rolled it back already
                self._db.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Fold the write-ahead log into the database, so that one file holds all, and close."""
        if not self._read_only:  # it would wait for a writer
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
        """Let this reader see rows that the state does not have; nothing is written.

        Args:
            files: rows of files; they stand for those of the same names.
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
        """Have the next run set this state aside, if it can still be told."""
        try:
            with self.transaction():
                self.set_meta(DAMAGED, text)
        except sqlite3.Error:
            _log.debug("the damage cannot be noted inside", exc_info=True)
            note_damage(self.path)

    # --- meta ---------------------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        """Return a remembered value, None when there is none."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Remember a value."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def delete_meta(self, key: str) -> None:
        """Forget a value."""
        self._db.execute("DELETE FROM meta WHERE key = ?", (key,))
