"""Table of the published pages, so that only changed ones are written again.

Triggers (see `table_schema`) note each project whose files or record change; the run that publishes
takes the notes away once the pages are in place. A run that is killed in between leaves them to the next.
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
        serial: as the pages and the root announce it; grows whenever the content changes.
        content: digest of what the pages say, without the serial.
        files: files that the pages name; 0 when the pages are to go, or have gone.
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
        """Note that projects have to be published."""
        self._db.executemany(
            "INSERT OR IGNORE INTO unpublished VALUES (?)", ((name,) for name in names)
        )

    def clear(self, names: Iterable[str]) -> None:
        """Note that the pages of projects are as they should be."""
        self._db.executemany("DELETE FROM unpublished WHERE name = ?", ((n,) for n in names))

    def pages(self, names: Iterable[str]) -> dict[str, PageRow]:
        """Return what is known of the pages of the named projects."""
        query = "SELECT name, display_name, serial, content, files FROM pages"
        return {row[0]: PageRow(*row) for row in self._select(query, "name", names)}

    def page_names(self, limit: int = -1) -> list[str]:
        """Return the projects that have pages, at most `limit` of them if it is not negative."""
        query = "SELECT name FROM pages WHERE files > 0 LIMIT ?"
        return [row[0] for row in self._db.execute(query, (limit,))]

    def save_pages(self, rows: Iterable[PageRow]) -> None:
        """Remember pages just written; their shares in the pages of all projects are now old."""
        self._db.executemany(
            "INSERT INTO pages(name, display_name, serial, content, files) VALUES (?,?,?,?,?) "
            "ON CONFLICT(name) DO UPDATE SET display_name = excluded.display_name, "
            "serial = excluded.serial, content = excluded.content, files = excluded.files, "
            "listed = 0",
            (msgspec.structs.astuple(row) for row in rows),
        )

    def retire(self, names: Iterable[str]) -> None:
        """Note that the pages of projects are to go."""
        self._db.executemany(
            "UPDATE pages SET files = 0, listed = 0 WHERE name = ?", ((name,) for name in names)
        )

    def retired(self) -> list[NormalizedName]:
        """Return the projects whose pages are to go."""
        rows = self._db.execute("SELECT name FROM pages WHERE listed = 0 AND files = 0")
        return [NormalizedName(row[0]) for row in rows]

    def bury(self, names: Iterable[str]) -> None:
        """Note that pages are gone; their serials stay, should the projects ever come back."""
        self._db.executemany(
            "UPDATE pages SET listed = 1 WHERE files = 0 AND name = ?", ((name,) for name in names)
        )

    def has_pages(self) -> bool:
        """Return whether any project has, or had, pages."""
        return self._db.execute("SELECT 1 FROM pages LIMIT 1").fetchone() is not None

    def count(self) -> tuple[int, int]:
        """Return the number of projects with pages and of the files they name."""
        row = self._db.execute(
            "SELECT count(*), coalesce(sum(files), 0) FROM pages WHERE files > 0"
        ).fetchone()
        return int(row[0]), int(row[1])
