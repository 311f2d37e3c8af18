"""Reader of zip central directories, without an object per member.

APPNOTE.TXT, 4.3. A hostile archive can list millions of members, so they are counted in the bytes
first.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from msgspec import Struct

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import METADATA, Bound, Meter, OutOfBounds
from microrepo.formats.compression import ZIP_METHODS, unpack

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED = 0x1
_UNKNOWN = 0xFFFFFFFF  # the real number is in a zip64 record
_MAX_DIRECTORY_BYTES = 32 << 20
_MAX_MEMBERS = 100_000
# Size of the first read, which contains the directory of most wheels.
_TAIL_BYTES = 16 << 10
_MAX_COMMENT_BYTES = 1 << 16
_PIECE_BYTES = 1 << 18
_LARGEST_RATIO = 2000  # deflate cannot do much better than half of it


class ZipDirectory(Struct, frozen=True):
    """A central directory.

    Attributes:
        body: its bytes.
        shift_bytes: bytes before the archive, which offsets do not include.
        begin_bytes: where it begins in the file.
        plain: neither comment nor zip64 records nor bytes before the archive.
        members: their number, as the end of the archive states it.
        fault: what is wrong with the end of the archive, "" for nothing; `zipfile` ignores it.
    """

    body: bytes
    shift_bytes: int
    begin_bytes: int
    plain: bool
    members: int | None
    fault: str


class ZipEntry(Struct, frozen=True):
    """One member in the directory; its `attributes` are those of a file, such as its mode."""

    name: str
    raw_name: bytes
    needs: int
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size_bytes: int
    offset: int
    attributes: int


def read_zip_directory(fileobj: BinaryIO, size_bytes: int, name: str) -> ZipDirectory:
    """Return the central directory of an archive.

    Args:
        size_bytes: its length.
        name: its name in messages.

    Raises:
        MalformedResponse: not a zip archive, or beyond the limits of a real distribution.
    """
    start = max(0, size_bytes - _TAIL_BYTES)
    tail = _read_at(fileobj, start, size_bytes - start)
    place = _end_of(tail)
    if place < 0 and start > 0:
        start = max(0, size_bytes - _MAX_COMMENT_BYTES - _END.size)
        tail = _read_at(fileobj, start, size_bytes - start)
        place = _end_of(tail)
    if place < 0:
        raise MalformedResponse(name, "not a zip archive")
    _, disk, first_disk, here, entries, length, offset, comment = _END.unpack_from(tail, place)
    end = start + place
    plain = disk == first_disk == comment == 0 and here == entries
    fault = _end_fault(tail[place + _END.size :], comment)
    large = _large_end(fileobj, end)
    if large is not None:
        end, length, offset = large
        plain = False
    begin = end - length
    if length > _MAX_DIRECTORY_BYTES:
        raise OutOfBounds(name, "has a table of contents that is too large")
    if begin < 0 or begin < offset:
        raise MalformedResponse(name, "has a table of contents that lies outside of it")
    body = tail[begin - start :][:length] if begin >= start else _read_at(fileobj, begin, length)
    if len(body) != length:
        raise MalformedResponse(name, "ends in its table of contents")
    if body.count(b"PK\x01\x02") > _MAX_MEMBERS:
        raise OutOfBounds(name, f"has more than {_MAX_MEMBERS:,} members")
    if large is None and (disk or first_disk or here != entries):
        fault = "has a damaged end"
    stated = entries if large is None else None
    return ZipDirectory(body, begin - offset, begin, plain and begin == offset, stated, fault)


def plain_directory(fileobj: BinaryIO, size_bytes: int) -> bytes | None:
    """Return the central directory of a plain archive, None for others."""
    try:
        directory = read_zip_directory(fileobj, size_bytes, "archive")
    except MalformedResponse:
        return None
    return directory.body if directory.plain else None


def _read_at(fileobj: BinaryIO, offset: int, count_bytes: int) -> bytes:
    fileobj.seek(offset)
    return fileobj.read(count_bytes)


def _end_of(tail: bytes) -> int:
    """Return the start of the end record, negative without one."""
    place = len(tail) - _END.size
    if place >= 0 and tail.startswith(b"PK\x05\x06", place) and tail.endswith(b"\0\0"):
        return place
    place = tail.rfind(b"PK\x05\x06")
    return place if place >= 0 and place + _END.size <= len(tail) else -1


def _end_fault(rest: bytes, comment_bytes: int) -> str:
    """Return what is wrong with the bytes behind the end record; more zeros are accepted."""
    if len(rest) < comment_bytes:
        return "has less than its whole comment at its end"
    return "has something behind its end" if rest[comment_bytes:].strip(b"\0") else ""


def _large_end(fileobj: BinaryIO, end: int) -> tuple[int, int, int] | None:
    """Return end, length and offset of the directory from a zip64 record, None without one."""
    place = end - _LOCATOR_64.size - _END_64.size
    if place < 0:
        return None
    records = _read_at(fileobj, place, _LOCATOR_64.size + _END_64.size)
    if len(records) != _LOCATOR_64.size + _END_64.size or records[:4] != b"PK\x06\x06":
        return None
    if records[_END_64.size : _END_64.size + 4] != b"PK\x06\x07":
        return None
    fields = _END_64.unpack_from(records)
    return place, fields[8], fields[9]


def names_in(directory: ZipDirectory, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield place and raw name of each entry.

    Raises:
        MalformedResponse: the directory is damaged.
    """
    body, place = directory.body, 0
    while place < len(body):
        if place + _ENTRY.size > len(body) or not body.startswith(b"PK\x01\x02", place):
            raise MalformedResponse(name, "has a damaged table of contents")
        names, extras, comments = struct.unpack_from("<3H", body, place + 28)
        begin = place + _ENTRY.size
        yield place, body[begin : begin + names]
        place = begin + names + extras + comments


def entry_at(directory: ZipDirectory, place: int, name: str) -> ZipEntry:
    """Return the entry at a place of the directory.

    Raises:
        MalformedResponse: its zip64 record is damaged.
    """
    fields = _ENTRY.unpack_from(directory.body, place)
    begin = place + _ENTRY.size
    raw = directory.body[begin : begin + fields[10]]
    extra = directory.body[begin + fields[10] :][: fields[11]]
    sizes = [fields[9], fields[8], fields[16]]
    large = _large_sizes(extra)
    for number, value in enumerate(sizes):
        if value == _UNKNOWN:
            if not large:
                raise MalformedResponse(name, "has a damaged zip64 record")
            sizes[number] = large.pop(0)
    encoding = "utf-8" if fields[3] & 0x800 else "cp437"
    return ZipEntry(
        raw.decode(encoding, errors="replace"),
        raw,
        fields[2],
        fields[3],
        fields[4],
        fields[7],
        packed_bytes=sizes[1],
        size_bytes=sizes[0],
        offset=sizes[2] + directory.shift_bytes,
        attributes=fields[15],
    )


def _large_sizes(extra: bytes) -> list[int]:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1:
            body = extra[4 : 4 + length]
            return [int.from_bytes(body[at : at + 8], "little") for at in range(0, len(body), 8)]
        extra = extra[4 + length :]
    return []


def read_member(fileobj: BinaryIO, entry: ZipEntry, name: str) -> bytes:
    """Return a member with metadata text.

    Raises:
        MalformedResponse: it is damaged, encrypted, or larger than any real one.
    """
    if max(entry.packed_bytes, entry.size_bytes) > METADATA.size_bytes:
        raise OutOfBounds(name, f"{entry.name} is too large")
    return b"".join(_unpacked(fileobj, entry, METADATA, name))


def check_member(fileobj: BinaryIO, entry: ZipEntry, name: str) -> None:
    """Raise when a member, of whatever size, is damaged or encrypted.

    Raises:
        MalformedResponse: it says how.
    """
    for _ in member_pieces(fileobj, entry, name):
        pass


def member_pieces(fileobj: BinaryIO, entry: ZipEntry, name: str) -> Iterator[bytes]:
    """Yield the content of a member, of whatever size, piece by piece.

    Raises:
        MalformedResponse: it is damaged or encrypted; perhaps only noticed at its end.
    """
    yield from _unpacked(fileobj, entry, Bound(entry.size_bytes, ratio=_LARGEST_RATIO), name)


def _unpacked(fileobj: BinaryIO, entry: ZipEntry, bound: Bound, name: str) -> Iterator[bytes]:
    """Yield a member's content; raise at its end when it was not what the directory says."""
    if entry.flags & _ENCRYPTED:
        raise MalformedResponse(name, f"{entry.name} is encrypted")
    head = _read_at(fileobj, entry.offset, _LOCAL.size)
    if len(head) != _LOCAL.size or not head.startswith(b"PK\x03\x04"):
        raise MalformedResponse(name, f"{entry.name} is not where the table of contents says")
    fields = _LOCAL.unpack(head)
    if fileobj.read(fields[9]) != entry.raw_name:
        raise MalformedResponse(name, f"{entry.name} has another name in its own header")
    method = ZIP_METHODS.get(entry.method)
    if method is None:
        raise MalformedResponse(name, f"{entry.name} is packed by an unknown method")
    fileobj.seek(fields[10], io.SEEK_CUR)
    crc = size = 0
    for piece in unpack(method, _pieces(fileobj, entry.packed_bytes), Meter(bound, name), name):
        crc, size = zlib.crc32(piece, crc), size + len(piece)
        yield piece
    if (size, crc) != (entry.size_bytes, entry.crc):
        raise MalformedResponse(name, f"{entry.name} is damaged")


def _pieces(fileobj: BinaryIO, count_bytes: int) -> Iterator[bytes]:
    while count_bytes > 0 and (piece := fileobj.read(min(count_bytes, _PIECE_BYTES))):
        count_bytes -= len(piece)
        yield piece
