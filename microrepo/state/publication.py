"""What the state remembers of the published pages, so that only changed ones are written again.

Triggers (see `schema`) note each project whose files or record change; whoever publishes takes the
notes away once the pages are in place. A run that is killed in between leaves them to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from microrepo.model import File, NormalizedName
from microrepo.state.tables.table import Table

_encode_file = msgspec.msgpack.Encoder().encode
_decode_file = msgspec.msgpack.Decoder(File).decode

# What a project has of the pages of all projects: bytes of simple/index.v1_json, of
# simple/index.html and of simple/links.html, and links.
Shares = tuple[int, int, int, int]
_SHARES = "json_bytes, html_bytes, links_bytes, links"
_SUMS = ", ".join(f"coalesce(sum({column}), 0)" for column in _SHARES.split(", "))
# Sums are also kept for all names that begin alike, so that the sum up to any name is a short one.
_PREFIX = 3


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


class Unlisted(Struct, frozen=True, gc=False):
    """A project whose share in the pages of all projects is not up to date; `shares` is the old."""

    name: str
    display_name: str
    serial: int
    files: int
    shares: Shares


class FoundRow(Struct, frozen=True, gc=False):
    """A distribution in the flat directory that no refresh has put there.

    Attributes:
        size: bytes when it was read.
        mtime_ns: modification time when it was read.
        display_name: of the project, as the distribution writes it.
        file: what it says of itself.
    """

    filename: str
    project: str
    size: int
    mtime_ns: int
    display_name: str
    file: File


class SidecarRow(Struct, frozen=True, gc=False):
    """The metadata file of a wheel of this size and time; `sha256` is None when it has none."""

    filename: str
    size: int
    mtime_ns: int
    sha256: str | None


class Publication(Table):
    """The tables about pages. Writes are for the one writer of the state, in its transactions."""

    # --- what has to be published -------------------------------------------------------------

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

    # --- pages --------------------------------------------------------------------------------

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
        """Tell whether any project has, or had, pages."""
        return self._db.execute("SELECT 1 FROM pages LIMIT 1").fetchone() is not None

    def count(self) -> tuple[int, int]:
        """Return the number of projects with pages and of the files they name."""
        row = self._db.execute(
            "SELECT count(*), coalesce(sum(files), 0) FROM pages WHERE files > 0"
        ).fetchone()
        return int(row[0]), int(row[1])

    # --- the pages of all projects --------------------------------------------------------------

    def unlist_all(self) -> None:
        """Note that the pages of all projects have to be made from nothing."""
        self._db.execute("DELETE FROM page_sums")
        self._db.execute(
            "UPDATE pages SET listed = CASE WHEN files > 0 THEN 0 ELSE listed END, "
            "json_bytes = 0, html_bytes = 0, links_bytes = 0, links = 0"
        )

    def has_unlisted(self) -> bool:
        """Tell whether the pages of all projects are out of date."""
        return self._db.execute("SELECT 1 FROM pages WHERE listed = 0").fetchone() is not None

    def links_to_be(self) -> int:
        """Return how many files all pages name, those that are not listed yet included."""
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
        """Return the summed shares of the projects whose names lie between the two."""
        first, last = after[:_PREFIX], before[:_PREFIX]
        query = f"SELECT {_SUMS} FROM pages WHERE name > ? AND name < ?"
        if first == last:
            return _added(self._db.execute(query, (after, before)))
        parts = [
            self._db.execute(
                f"SELECT {_SUMS} FROM page_sums WHERE prefix > ? AND prefix < ?", (first, last)
            )
        ]
        # Of names that begin alike, those behind the one and those before the other; a name
        # shorter than a prefix is the only one of its kind.
        if len(first) == _PREFIX:
            parts.append(self._db.execute(query, (after, f"{first}\x7f")))
        if len(last) == _PREFIX:
            at_least = f"SELECT {_SUMS} FROM pages WHERE name >= ? AND name < ?"
            parts.append(self._db.execute(at_least, (last, before)))
        return _added(*parts)

    def save_shares(self, rows: Sequence[tuple[Unlisted, Shares]]) -> None:
        """Remember the new shares of projects; those with files are listed from now on."""
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

    # --- sidecars and files of others -------------------------------------------------------------

    def sidecars(self, filenames: Iterable[str]) -> dict[str, SidecarRow]:
        """Return what is known of the metadata of the named wheels."""
        query = "SELECT filename, size, mtime_ns, sha256 FROM sidecars"
        rows = self._select(query, "filename", filenames)
        return {row[0]: SidecarRow(*row) for row in rows}

    def save_sidecars(self, rows: Iterable[SidecarRow]) -> None:
        """Remember the metadata of wheels."""
        self._db.executemany(
            "INSERT OR REPLACE INTO sidecars VALUES (?, ?, ?, ?)",
            (msgspec.structs.astuple(row) for row in rows),
        )

    def found_stats(self) -> Iterator[tuple[str, str, int, int]]:
        """Yield (filename, project, size, mtime_ns) of all files of others that were read."""
        return iter(self._db.execute("SELECT filename, project, size, mtime_ns FROM found"))

    def found(self, projects: Iterable[str] | None) -> list[FoundRow]:
        """Return the files of others that belong to the named (or all) projects."""
        query = "SELECT filename, project, size, mtime_ns, display_name, file FROM found"
        rows = self._select(query, "project", projects)
        return [FoundRow(r[0], r[1], r[2], r[3], r[4], _decode_file(r[5])) for r in rows]

    def save_found(self, rows: Iterable[FoundRow]) -> None:
        """Remember files of others."""
        self._db.executemany(
            "INSERT OR REPLACE INTO found VALUES (?, ?, ?, ?, ?, ?)",
            (
                (r.filename, r.project, r.size, r.mtime_ns, r.display_name, _encode_file(r.file))
                for r in rows
            ),
        )

    def forget_found(self, filenames: Iterable[str]) -> None:
        """Drop files of others that are gone, or that a refresh has adopted."""
        self._db.executemany("DELETE FROM found WHERE filename = ?", ((n,) for n in filenames))


def _added(*cursors: Iterable[Sequence[int]]) -> Shares:
    rows = [row for cursor in cursors for row in cursor]
    return (
        sum(row[0] for row in rows),
        sum(row[1] for row in rows),
        sum(row[2] for row in rows),
        sum(row[3] for row in rows),
    )
