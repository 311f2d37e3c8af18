"""Layout of a zip archive, and the members that it shares with another archive.

Two releases of a project often share most of their compressed members. The directories of both
archives (APPNOTE.TXT, 4.3) determine how to assemble the new one: from pieces of the old one, local
headers predicted from the directory, and downloaded ranges. The digest of the whole file verifies
the result.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from msgspec import Struct

_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_LOCAL_BYTES = _LOCAL.size
_SIZES_FOLLOW = 0x8
_UNKNOWN = 0xFFFFFFFF  # the real number is in a zip64 record
# A request costs about as much as this many bytes, so smaller gaps are downloaded too.
_GAP_BYTES = 32 << 10


class Member(Struct, frozen=True, gc=False):
    """One member in the directory.

    Attributes:
        offset: of its local header.
        header: the predicted local header, without extra fields.
        content: identity of the compressed content: method, CRC, packed and unpacked bytes.
    """

    offset: int
    header: bytes
    content: tuple[int, int, int, int]

    @property
    def packed_bytes(self) -> int:
        """Length of its packed content."""
        return self.content[2]


class Piece(Struct, frozen=True, gc=False):
    """A part of the new archive: literal bytes, or a range of the old or the new one."""

    kind: str
    start: int = 0
    end: int = 0
    literal: bytes = b""

    @property
    def size_bytes(self) -> int:
        """Its length."""
        return len(self.literal) if self.kind == "literal" else self.end - self.start


def read_members(directory: bytes) -> list[Member] | None:
    """Return the members of a central directory by position; None for an unusual one.

    Unusual are archives over 4 GiB, and unreadable entries.
    """
    members = []
    place = 0
    while place < len(directory):
        if place + _ENTRY.size > len(directory):
            return None
        entry = _ENTRY.unpack_from(directory, place)
        names, extras, comments = entry[10:13]
        packed, unpacked, offset = entry[8], entry[9], entry[16]
        if entry[0] != b"PK\x01\x02" or _UNKNOWN in {packed, unpacked, offset}:
            return None
        start = place + _ENTRY.size
        name = directory[start : start + names]
        flags, method, crc = entry[3], entry[4], entry[7]
        fields = (*entry[2:7], crc, packed, unpacked, names, 0)
        header = b"" if flags & _SIZES_FOLLOW else _LOCAL.pack(b"PK\x03\x04", *fields) + name
        members.append(Member(offset, header, (method, crc, packed, unpacked)))
        place = start + names + extras + comments
    return sorted(members, key=lambda member: member.offset)


def content_start(local_header: bytes, offset: int) -> int | None:
    """Return where a member's content begins, given its local header (30 bytes) and its offset."""
    if len(local_header) != _LOCAL_BYTES:
        return None
    head = _LOCAL.unpack(local_header)
    if head[0] != b"PK\x03\x04":
        return None
    return offset + _LOCAL_BYTES + int(head[9]) + int(head[10])


def plan_pieces(
    new: Iterable[Member], size_bytes: int, old: dict[tuple[int, int, int, int], int]
) -> list[Piece]:
    """Return the pieces of the new archive, in order and without gaps.

    Args:
        new: its members, by position.
        size_bytes: its length.
        old: positions of the compressed contents in the old archive.
    """
    members = list(new)
    ends = [*(member.offset for member in members), size_bytes][1:]
    pieces: list[Piece] = []
    done = 0  # planned up to this offset
    for run in _runs(members, ends, size_bytes, old):
        if sum(member.packed_bytes for member in run) <= _GAP_BYTES or run[0].offset < done:
            continue
        if run[0].offset > done:
            pieces.append(Piece("new", done, run[0].offset))
        for member in run:
            start = old.get(member.content, 0)
            pieces.append(Piece("literal", literal=member.header))
            pieces.append(Piece("old", start, start + member.packed_bytes))
        done = run[-1].offset + len(run[-1].header) + run[-1].packed_bytes
    if done < size_bytes:
        pieces.append(Piece("new", done, size_bytes))
    return pieces


def _runs(
    members: list[Member],
    ends: list[int],
    size_bytes: int,
    old: dict[tuple[int, int, int, int], int],
) -> Iterable[list[Member]]:
    """Yield runs of adjacent members that the old archive has."""
    run: list[Member] = []
    for member, end in zip(members, ends, strict=True):
        body_end = member.offset + len(member.header) + member.packed_bytes
        # The directory follows the last member, so only its start matters.
        fits = body_end < end if member is members[-1] else body_end == end <= size_bytes
        if member.header and fits and (member.content in old or not member.packed_bytes):
            run.append(member)
        elif run:
            yield run
            run = []
    if run:
        yield run
