"""Builder of the advisory index: the records of OSV's archive, ordered by project.

Its form is described in `standalone.server.advisories.advisory_index`, which reads it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import defaultdict
from typing import BinaryIO

import msgspec
from msgspec import Struct
from packaging.utils import NormalizedName

from microrepo.formats.advisories.osv_archive import (
    OSV_RECORDS,
    OsvRecord,
    UnreadableRecord,
    no_records,
    read_osv_archive,
)
from microrepo.formats.bounds import OutOfBounds, check_entries
from microrepo.standalone.server.advisories.advisory_index import (
    INDEX_FORMAT,
    INDEX_KIND,
    MAX_BLOCK_BYTES,
    MAX_TABLE_BYTES,
    block_digest,
)

# Of each project: id, JSON, and whether it reports malware.
_Records = defaultdict[NormalizedName, list[tuple[str, bytes, bool]]]


class BuiltIndex(Struct, frozen=True):
    """An index that was built.

    Attributes:
        content: its bytes, the same for the same archive.
        unreadable: members of the archive that could not be used.
    """

    content: bytes
    unreadable: tuple[UnreadableRecord, ...] = ()


def build_index(archive: BinaryIO, name: str, sha256: str, now: str = "") -> BuiltIndex:
    """Return the index of an archive.

    Args:
        name: name of the archive in messages.
        sha256: digest of the archive.
        now: normalised; a record that was changed later does not make the archive newer. Without
            it, all times count.

    Raises:
        MalformedResponse: the archive is damaged, exceeds its bounds, or has no usable record.
    """
    records: _Records = defaultdict(list)
    unreadable: list[UnreadableRecord] = []
    newest, count, entries, left_bytes = "", 0, 0, OSV_RECORDS.size_bytes
    for found in read_osv_archive(archive, name):
        if isinstance(found, UnreadableRecord):
            unreadable.append(found)
            continue
        count, entries = count + 1, entries + len(found.affected)
        check_entries(entries, OSV_RECORDS, name)
        if not now or found.modified <= now:
            newest = max(newest, found.modified)
        left_bytes -= _add(records, found)
        if left_bytes < 0:
            raise OutOfBounds(name, "has records about too many projects")
    if not count:
        raise no_records(name)
    facts = {"sha256": sha256, "modified": newest, "records": count, "projects": len(records)}
    return BuiltIndex(_assembled(records, facts, name), tuple(unreadable))


def _add(records: _Records, found: OsvRecord) -> int:
    """Add a record to each of its projects; return the number of bytes."""
    size_bytes = 0
    for project in found.affected:
        body = found.about(project)
        records[project].append((found.id, body, found.is_malware))
        size_bytes += len(body)
    return size_bytes


def _assembled(
    records: _Records,
    facts: dict[str, object],
    name: str,
) -> bytes:
    blocks: list[bytes] = []
    table: dict[str, tuple[int, int, str, bool]] = {}
    offset = 0
    for project in sorted(records):
        # OSV's archive has one record per id; of several, the first in their order counts.
        own = {record[0]: record for record in sorted(records.pop(project), reverse=True)}
        block = b"[" + b",".join(own[record_id][1] for record_id in sorted(own)) + b"]"
        if len(block) >= MAX_BLOCK_BYTES:
            raise OutOfBounds(name, f"has more than {MAX_BLOCK_BYTES >> 20} MB about {project}")
        packed = zlib.compress(block)
        has_malware = any(is_malware for _, _, is_malware in own.values())
        table[project] = offset, len(packed), block_digest(block), has_malware
        offset += len(packed)
        blocks.append(packed)
    table_body = msgspec.json.encode(table)
    if len(table_body) >= MAX_TABLE_BYTES:
        raise OutOfBounds(name, "has advisories about too many projects")
    packed_table = zlib.compress(table_body)
    rest = b"".join((packed_table, *blocks))
    head = {"kind": INDEX_KIND, "format": INDEX_FORMAT, "table_bytes": len(packed_table), **facts}
    head["rest_sha256"] = hashlib.sha256(rest).hexdigest()
    return msgspec.json.encode(head) + b"\n" + rest
