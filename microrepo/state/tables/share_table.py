"""Table of each project's share in the pages of all projects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct

from microrepo.state.tables.table import Table

# A project's share in the pages of all projects: bytes of simple/index.v1_json, of
# simple/index.html and of simple/links.html, and number of links.
Shares = tuple[int, int, int, int]
_SHARES = "json_bytes, html_bytes, links_bytes, links"
_SUMS = ", ".join(f"coalesce(sum({column}), 0)" for column in _SHARES.split(", "))
# Sums are also stored per prefix of names, so that the sum up to any name has few terms.
_PREFIX = 3


class Unlisted(Struct, frozen=True, gc=False):
    """A project whose share in the pages of all projects is outdated; `shares` is the old one."""

    name: str
    display_name: str
    serial: int
    files: int
    shares: Shares


class ShareTable(Table):
    """The columns of shares, and the table of their sums."""

    def unlist_all(self) -> None:
        """Mark the pages of all projects for a complete rebuild."""
        self._db.execute("DELETE FROM page_sums")
        self._db.execute(
            "UPDATE pages SET listed = CASE WHEN files > 0 THEN 0 ELSE listed END, "
            "json_bytes = 0, html_bytes = 0, links_bytes = 0, links = 0"
        )

    def has_unlisted(self) -> bool:
        """Return whether the pages of all projects are out of date."""
        return self._db.execute("SELECT 1 FROM pages WHERE listed = 0").fetchone() is not None

    def links_to_be(self) -> int:
        """Return the number of files on all pages, including those not listed yet."""
        listed = self._db.execute("SELECT coalesce(sum(links), 0) FROM page_sums").fetchone()
        change = self._db.execute(
            "SELECT coalesce(sum(files - links), 0) FROM pages WHERE listed = 0"
        ).fetchone()
        return int(listed[0]) + int(change[0])

    def unlisted(self, after: str, limit: int) -> list[Unlisted]:
        """Return the next projects, by name, whose shares are out of date."""
        rows = self._db.execute(
            f"SELECT name, display_name, serial, files, {_SHARES} "
            "FROM pages WHERE listed = 0 AND name > ? ORDER BY name LIMIT ?",
            (after, limit),
        )
        return [Unlisted(row[0], row[1], row[2], row[3], row[4:8]) for row in rows]

    def shares_between(self, after: str, before: str) -> Shares:
        """Return the summed shares of the projects between two names."""
        first, last = after[:_PREFIX], before[:_PREFIX]
        query = f"SELECT {_SUMS} FROM pages WHERE name > ? AND name < ?"
        if first == last:
            return _added(self._db.execute(query, (after, before)))
        parts = [
            self._db.execute(
                f"SELECT {_SUMS} FROM page_sums WHERE prefix > ? AND prefix < ?", (first, last)
            )
        ]
        # Names with a common prefix, after the one and before the other; a name shorter than a
        # prefix has no others.
        if len(first) == _PREFIX:
            parts.append(self._db.execute(query, (after, f"{first}\x7f")))
        if len(last) == _PREFIX:
            at_least = f"SELECT {_SUMS} FROM pages WHERE name >= ? AND name < ?"
            parts.append(self._db.execute(at_least, (last, before)))
        return _added(*parts)

    def save_shares(self, rows: Sequence[tuple[Unlisted, Shares]]) -> None:
        """Store the new shares of projects; those with files are now listed."""
        self._db.executemany(
            "UPDATE pages SET listed = files > 0, json_bytes = ?, html_bytes = ?, "
            "links_bytes = ?, links = ? WHERE name = ?",
            ((*shares, row.name) for row, shares in rows),
        )
        changes: dict[str, list[int]] = {}
        for row, shares in rows:
            change = changes.setdefault(row.name[:_PREFIX], [0, 0, 0, 0])
            for place in range(4):
                change[place] += shares[place] - row.shares[place]
        self._db.executemany(
            "INSERT INTO page_sums VALUES (?, ?, ?, ?, ?) ON CONFLICT(prefix) DO UPDATE SET "
            "json_bytes = json_bytes + excluded.json_bytes, "
            "html_bytes = html_bytes + excluded.html_bytes, "
            "links_bytes = links_bytes + excluded.links_bytes, links = links + excluded.links",
            ((prefix, *change) for prefix, change in changes.items()),
        )


def _added(*cursors: Iterable[Sequence[int]]) -> Shares:
    rows = [row for cursor in cursors for row in cursor]
    return (
        sum(row[0] for row in rows),
        sum(row[1] for row in rows),
        sum(row[2] for row in rows),
        sum(row[3] for row in rows),
    )
