"""Table of the published pages, so that only changed ones are written again.

Triggers (see `table_schema`) mark each project whose files or record change. The run that publishes
clears the marks once the pages are in place; after a kill, the next run finds them.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from microrepo.model import NormalizedName
from microrepo.state.tables.table import Table


class PageRow(Struct, frozen=True, gc=False):
    """The pages of one project as they were last written.

    Attributes:
        serial: serial on the pages and in the root; grows with every change of the content.
        content: digest of the pages' content, without the serial.
        files: number of files on the pages; 0 if the pages must be deleted, or are deleted.
    """

    name: NormalizedName
    display_name: str
    serial: int
    content: bytes
    files: int


class PageTable(Table):
    """The tables of projects to publish, and of their pages."""

    def pending(self, after: str, limit: int) -> list[NormalizedName]:
        """Return the next projects, by name, that changed since their pages were written."""
        rows = self._db.execute(
            "SELECT name FROM unpublished WHERE name > ? ORDER BY name LIMIT ?", (after, limit)
        )
        return [NormalizedName(row[0]) for row in rows]

    def mark(self, names: Iterable[str]) -> None:
        """Mark projects for publication."""
        self._db.executemany(
            "INSERT OR IGNORE INTO unpublished VALUES (?)", ((name,) for name in names)
        )

    def clear(self, names: Iterable[str]) -> None:
        """Mark the pages of projects as up to date."""
        self._db.executemany("DELETE FROM unpublished WHERE name = ?", ((n,) for n in names))

    def pages(self, names: Iterable[str]) -> dict[str, PageRow]:
        """Return the page rows of the named projects."""
        query = "SELECT name, display_name, serial, content, files FROM pages"
        return {row[0]: PageRow(*row) for row in self._select(query, "name", names)}

    def page_names(self, limit: int = -1) -> list[str]:
        """Return the projects that have pages, at most `limit` of them if it is not negative."""
        query = "SELECT name FROM pages WHERE files > 0 LIMIT ?"
        return [row[0] for row in self._db.execute(query, (limit,))]

    def save_pages(self, rows: Iterable[PageRow]) -> None:
        """Store pages just written; their shares in the pages of all projects become outdated."""
        self._db.executemany(
            "INSERT INTO pages(name, display_name, serial, content, files) VALUES (?,?,?,?,?) "
            "ON CONFLICT(name) DO UPDATE SET display_name = excluded.display_name, "
            "serial = excluded.serial, content = excluded.content, files = excluded.files, "
            "listed = 0",
            (msgspec.structs.astuple(row) for row in rows),
        )

    def retire(self, names: Iterable[str]) -> None:
        """Mark the pages of projects for deletion."""
        self._db.executemany(
            "UPDATE pages SET files = 0, listed = 0 WHERE name = ?", ((name,) for name in names)
        )

    def retired(self) -> list[NormalizedName]:
        """Return the projects whose pages are marked for deletion."""
        rows = self._db.execute("SELECT name FROM pages WHERE listed = 0 AND files = 0")
        return [NormalizedName(row[0]) for row in rows]

    def bury(self, names: Iterable[str]) -> None:
        """Record that pages are deleted; their serials are kept in case the projects return."""
        self._db.executemany(
            "UPDATE pages SET listed = 1 WHERE files = 0 AND name = ?", ((name,) for name in names)
        )

    def has_pages(self) -> bool:
        """Return whether any project has, or had, pages."""
        return self._db.execute("SELECT 1 FROM pages LIMIT 1").fetchone() is not None

    def count(self) -> tuple[int, int]:
        """Return the number of projects with pages, and of the files on them."""
        row = self._db.execute(
            "SELECT count(*), coalesce(sum(files), 0) FROM pages WHERE files > 0"
        ).fetchone()
        return int(row[0]), int(row[1])
