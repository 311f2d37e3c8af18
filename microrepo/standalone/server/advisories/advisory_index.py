"""Advisory index: the advisories about each project, made from OSV's archive for quick look-ups.

The first line is its head: JSON with the digest of the archive, that of all that comes after the
line, counts, and where the rest is. Then follows the table: JSON, packed by zlib, that says where the block of each project is. A block is a
JSON array of records in the OSV format, packed by zlib, in which `affected` has only the entries
about the project. Withdrawn records are not in it.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

INDEX_KIND = "microrepo-advisories"
INDEX_FORMAT = 1
MAX_INDEX_HEAD_BYTES = 1 << 12
MAX_TABLE_BYTES = 64 << 20
MAX_BLOCK_BYTES = 64 << 20
# Where a repository keeps OSV's archive, in `.microrepo/osv`: where osv-scanner looks for it.
OSV_FOLDER = "osv"
ARCHIVE_PLACE = ("osv-scanner", "PyPI", "all.zip")
INDEX_PLACE = ("osv-scanner", "PyPI", "all.index")
ORIGIN_PLACE = ("osv-scanner", "PyPI", "all.origin.json")


class AdvisoryIndexError(ValueError):
    """An index is damaged, or of another format; the text says how."""


class AdvisoryIndex:
    """Reads an advisory index, block by block.

    Args:
        read: returns the bytes at an offset, with their number.

    Attributes:
        facts: the head: `sha256` of the archive, `modified` (newest change of a record), `records`
            and `projects` (their numbers), `rest_sha256` (of all after the head).

    Raises:
        AdvisoryIndexError: it is damaged, or of another format.
    """

    def __init__(self, read: Callable[[int, int], bytes]) -> None:
        self._read = read
        line, end, _ = read(0, MAX_INDEX_HEAD_BYTES).partition(b"\n")
        facts = _decode_part(line) if end else None
        if not isinstance(facts, dict) or facts.get("kind") != INDEX_KIND:
            raise AdvisoryIndexError("not an index of advisories")
        if facts.get("format") != INDEX_FORMAT:
            raise AdvisoryIndexError(
                f"has format {facts.get('format')!r}, this program reads {INDEX_FORMAT}"
            )
        self.facts: dict[str, Any] = facts
        size = facts.get("table_bytes")
        if not isinstance(size, int) or not 0 < size <= MAX_TABLE_BYTES:
            raise AdvisoryIndexError("has a table of an impossible size")
        self._blocks_at = len(line) + 1 + size
        table = _decode_part(_unpack_part(read(len(line) + 1, size), MAX_TABLE_BYTES))
        if not isinstance(table, dict) or not all(map(_is_place, table.values())):
            raise AdvisoryIndexError("has a damaged table")
        self._table: dict[str, list[Any]] = table

    def __contains__(self, name: object) -> bool:
        """Return whether there is an advisory about a project, by its normalized name."""
        return name in self._table

    def names(self) -> Iterator[str]:
        """Yield the normalized names of the projects."""
        yield from self._table

    def digest(self, name: str) -> str:
        """Return a digest of what is known about a project, empty if nothing is."""
        place = self._table.get(name)
        return str(place[2]) if place else ""

    def has_malware(self, name: str) -> bool:
        """Return whether a record about a project reports malware."""
        place = self._table.get(name)
        return bool(place and place[3])

    def block(self, name: str) -> bytes:
        """Return the records about a project, as JSON.

        Raises:
            AdvisoryIndexError: the index is damaged.
        """
        place = self._table.get(name)
        if place is None:
            return b"[]"
        offset, size, digest = place[:3]
        body = _unpack_part(self._read(self._blocks_at + offset, size), MAX_BLOCK_BYTES)
        if block_digest(body) != digest:
            raise AdvisoryIndexError("is damaged, or was replaced while it was read")
        return body

    def records(self, name: str) -> list[dict[str, Any]]:
        """Return the records about a project, in the OSV format.

        Raises:
            AdvisoryIndexError: the index is damaged.
        """
        records = _decode_part(self.block(name))
        if not isinstance(records, list):
            raise AdvisoryIndexError("has a damaged block")
        return [record for record in records if isinstance(record, dict)]


def block_digest(block: bytes) -> str:
    """Return the digest of a block that the table states."""
    return hashlib.sha256(block).hexdigest()[:16]


def names_malware(names: Iterable[object]) -> bool:
    """Return whether an advisory reports malware (ossf/malicious-packages).

    Args:
        names: its id and its aliases.
    """
    return any(isinstance(name, str) and name.startswith("MAL-") for name in names)


def _is_place(found: Any) -> bool:
    """Return whether a value of the table says where a block is."""
    if not isinstance(found, list) or [type(value) for value in found] != [int, int, str, bool]:
        return False
    return bool(found[0] >= 0 and 0 <= found[1] <= MAX_BLOCK_BYTES)


def _unpack_part(packed: bytes, max_bytes: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        body = unpacker.decompress(packed, max_bytes)
    except zlib.error:
        raise AdvisoryIndexError("is damaged") from None
    if not unpacker.eof:
        raise AdvisoryIndexError("is damaged, or cut off")
    return body


def _decode_part(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise AdvisoryIndexError("is damaged") from None
