"""Reader of OSV's archive of an ecosystem: a zip archive with one JSON record per advisory.

https://google.github.io/osv.dev/data/ and https://ossf.github.io/osv-schema/
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
from msgspec import Raw, Struct
from packaging.utils import NormalizedName, canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import Bound, OutOfBounds
from microrepo.formats.distribution.zip_directory import (
    entry_at,
    names_in,
    read_member,
    read_zip_directory,
)
from microrepo.formats.index.values import UNREADABLE
from microrepo.formats.times import normalize_time
from microrepo.standalone.server.advisories.advisory_index import names_malware

ECOSYSTEM = "PyPI"
OSV_ARCHIVE = Bound(256 << 20, marks=256 << 20, entries=100_000)
"""OSV's archive, packed."""
OSV_RECORDS = Bound(1 << 30, entries=2_000_000)
"""The records in it, unpacked and once for each project that they are about."""
_MAX_RECORD_BYTES = 8 << 20
_MAX_ID_CHARS = 200
_MAX_TIME_CHARS = 40


class OsvRecord(Struct, frozen=True):
    """A record, with the entries of `affected` by project.

    Attributes:
        modified: time of its last change, normalised; "" if it states none.
        is_malware: it reports malware, by its id or an alias.
        fields: its other values, as they are.
        affected: entries about each project.
    """

    id: str
    modified: str
    is_malware: bool
    fields: dict[str, Raw]
    affected: dict[NormalizedName, list[Raw]]

    def about(self, name: NormalizedName) -> bytes:
        """Return the record as JSON, with the entries about one project only."""
        return msgspec.json.encode({**self.fields, "affected": self.affected[name]})


class UnreadableRecord(Struct, frozen=True):
    """A member of the archive that is not a record."""

    member: str
    why: str


class _Package(Struct, frozen=True):
    name: str = ""
    ecosystem: str = ""


class _Affected(Struct, frozen=True):
    package: _Package = _Package()


class _Head(Struct):
    id: str
    modified: str = ""
    aliases: Any = None  # odd ones do not make a record useless
    withdrawn: str | None = None
    affected: list[Raw] | None = None


_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_affected = msgspec.json.Decoder(_Affected).decode


def read_osv_archive(fileobj: BinaryIO, name: str) -> Iterator[OsvRecord | UnreadableRecord]:
    """Yield the records of an archive that are about Python projects and are not withdrawn.

    Args:
        fileobj: the archive, seekable.
        name: its name in messages.

    Raises:
        MalformedResponse: it is not a zip archive, is damaged, or exceeds its bounds.
    """
    size_bytes = fileobj.seek(0, io.SEEK_END)
    if size_bytes > OSV_ARCHIVE.size_bytes:
        raise OutOfBounds(name, f"larger than {OSV_ARCHIVE.size_bytes >> 20} MB")
    directory = read_zip_directory(fileobj, size_bytes, name)
    left_bytes = OSV_RECORDS.size_bytes
    for place, raw in names_in(directory, name):
        if not raw.endswith(b".json"):
            continue
        entry = entry_at(directory, place, name)
        if entry.size_bytes > _MAX_RECORD_BYTES:
            yield UnreadableRecord(entry.name, f"larger than {_MAX_RECORD_BYTES >> 20} MB")
            continue
        body = read_member(fileobj, entry, name)
        left_bytes -= len(body)
        if left_bytes < 0:
            raise OutOfBounds(name, f"unpacks to more than {OSV_RECORDS.size_bytes >> 20} MB")
        try:
            record = parse_osv_record(body)
        except UNREADABLE as error:
            yield UnreadableRecord(entry.name, str(error) or "nested too deeply")
            continue
        if record is not None:
            yield record


def parse_osv_record(body: bytes) -> OsvRecord | None:
    """Return a record in the OSV format, None if it is withdrawn or about no Python project.

    Raises:
        msgspec.DecodeError: it is not such a record.
        RecursionError: it is nested too deeply.
        UnicodeDecodeError: it is not UTF-8.
    """
    body.decode("utf-8")  # values that are passed on as they are would not be checked
    head = _decode_head(body)
    if not head.id or len(head.id) > _MAX_ID_CHARS:
        raise msgspec.ValidationError("has no usable id")
    modified = normalize_time(head.modified) or ""
    if len(head.modified) > _MAX_TIME_CHARS or (head.modified and not modified):
        raise msgspec.ValidationError("has no usable time in `modified`")
    if head.withdrawn is not None:
        return None
    affected: dict[NormalizedName, list[Raw]] = {}
    for entry in head.affected or ():
        package = _decode_affected(entry).package
        if package.ecosystem == ECOSYSTEM and package.name:
            affected.setdefault(canonicalize_name(package.name), []).append(entry)
    if not affected:
        return None
    fields = _decode_fields(body)
    del fields["affected"]
    aliases = head.aliases if isinstance(head.aliases, list) else []
    is_malware = names_malware((head.id, *aliases))
    return OsvRecord(head.id, modified, is_malware, fields, affected)


def no_records(name: str) -> MalformedResponse:
    """Return the error about an archive without a single usable record."""
    return MalformedResponse(name, f"has no advisory about a {ECOSYSTEM} project")
