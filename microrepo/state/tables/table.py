"""Base of tables: queries by many names at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from microrepo.batching import batched

_CHUNK = 500  # names per query, below SQLite's oldest limit on variables


class Table:
    """A part of the state. Only its writer may write, in its transactions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def _select(self, query: str, column: str, values: Iterable[str] | None) -> Iterator[Any]:
        """Yield the rows of the named entries, or all if `values` is None."""
        # Not `yield from`: it would close the cursor of an abandoned generator, which fails once
        # the database is closed.
        if values is None:
            for row in self._db.execute(query):
                yield row
            return
        for chunk in batched(values, _CHUNK):
            marks = ", ".join("?" * len(chunk))
            for row in self._db.execute(f"{query} WHERE {column} IN ({marks})", chunk):
                yield row

    def _count(self, query: str, at_most: int | None) -> int:
        limit = -1 if at_most is None else at_most
        row = self._db.execute(f"SELECT count(*) FROM ({query} LIMIT ?)", (limit,)).fetchone()
        return int(row[0])
