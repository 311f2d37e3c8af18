"""Queries for monitoring: counts, failing projects, finished runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

# The modification time that `verify` records for a damaged file.
DAMAGED_MTIME_NS = -1


class Watch:
    """Read-only queries for the health of a repository."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def present(self) -> tuple[int, int]:
        """Return the number of present files, and their bytes."""
        query = "SELECT count(*), coalesce(sum(size), 0) FROM files WHERE present"
        count, size = self._db.execute(query).fetchone()
        return int(count), int(size)

    def count_projects(self) -> int:
        """Return the number of known projects."""
        return int(self._db.execute("SELECT count(*) FROM projects").fetchone()[0])

    def failing_counts(self, now: str) -> tuple[int, int]:
        """Return the number of failing projects, and how many of them are waiting."""
        query = (
            "SELECT count(*), coalesce(sum(retry_at > ?), 0) FROM projects WHERE error IS NOT NULL"
        )
        failing, waiting = self._db.execute(query, (now,)).fetchone()
        return int(failing), int(waiting)

    def failing(self, limit: int) -> Iterator[tuple[str, str, int, str | None, str | None]]:
        """Yield (name, error, failures, checked_at, retry_at), longest failing ones first."""
        return iter(
            self._db.execute(
                "SELECT name, error, failures, checked_at, retry_at FROM projects "
                "WHERE error IS NOT NULL ORDER BY failures DESC, name LIMIT ?",
                (limit,),
            )
        )

    def damaged(self) -> int:
        """Return the number of damaged files."""
        query = "SELECT count(*) FROM files WHERE present AND mtime_ns = ?"
        return int(self._db.execute(query, (DAMAGED_MTIME_NS,)).fetchone()[0])

    def unpublished(self) -> int:
        """Return the number of projects with outdated pages, if pages exist."""
        query = (
            "SELECT count(*) FROM unpublished WHERE EXISTS (SELECT 1 FROM pages WHERE files > 0)"
        )
        return int(self._db.execute(query).fetchone()[0])
