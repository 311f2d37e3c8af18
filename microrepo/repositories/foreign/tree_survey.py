"""Survey of a tree's distributions, sorted by project on disk."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator

from packaging.utils import NormalizedName

from microrepo.repositories.foreign.tree_layouts import Candidate

_TABLE = """
CREATE TABLE found(
    project TEXT, filename TEXT, version TEXT, path BLOB, size_bytes INTEGER, mtime_ns INTEGER
)
"""


class Survey:
    """Candidates sorted by project and name, in a temporary file instead of memory.

    Args:
        found: the candidates, in any order.

    Attributes:
        count: number of candidates.
        size_bytes: total size.
    """

    def __init__(self, found: Iterable[Candidate]) -> None:
        self._database = sqlite3.connect("")  # a temporary file, deleted with the connection
        self._database.execute(_TABLE)
        self._database.executemany(
            "INSERT INTO found VALUES (?, ?, ?, ?, ?, ?)",
            (
                (c.project, c.filename, c.version, os.fsencode(c.path), c.size_bytes, c.mtime_ns)
                for c in found
            ),
        )
        self._database.execute("CREATE INDEX in_order ON found(project, filename, path)")
        query = "SELECT count(*), coalesce(sum(size_bytes), 0) FROM found"
        self.count, self.size_bytes = self._database.execute(query).fetchone()

    def __iter__(self) -> Iterator[Candidate]:
        """Yield the candidates; can be repeated."""
        rows = self._database.execute("SELECT * FROM found ORDER BY project, filename, path")
        for project, filename, version, path, size_bytes, mtime_ns in rows:
            yield Candidate(
                NormalizedName(project), filename, version, os.fsdecode(path), size_bytes, mtime_ns
            )

    def close(self) -> None:
        """Delete the temporary file."""
        self._database.close()
