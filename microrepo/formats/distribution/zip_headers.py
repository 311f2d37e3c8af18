"""Check that a zip archive says the same of its members in its directory and in their headers.

pip reads the directory. uv also reads members as they arrive from a server, one after the other, by
their own headers (APPNOTE.TXT, 4.3.7 and 4.3.9), and refuses an archive whose two accounts differ.
Found with uv 0.13 and Python's `zipfile`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.zip_directory import ZipDirectory, ZipEntry

_LOCAL = struct.Struct("<4s5H3L2H")
_SIGNATURE = b"PK\x07\x08"
_SIZES_FOLLOW = 0x8
# Encryption, a descriptor behind the content, patched data, strong encryption.
_COUNTED_FLAGS = 0x69
_REFUSED_FLAGS = 0x61
_UTF_8 = 0x800
_STORED, _DEFLATED = 0, 8
_NEWEST_FORMAT = 63
_UNKNOWN = 0xFFFFFFFF  # the real number is in a zip64 record


def check_headers(
    fileobj: BinaryIO, directory: ZipDirectory, entries: Sequence[ZipEntry], filename: str
) -> None:
    """Raise when pip or uv refuses an archive, for its directory or the headers of its members.

    Raises:
        MalformedResponse: it says why.
    """
    if directory.fault:
        raise MalformedResponse(filename, directory.fault)
    if directory.members not in {None, len(entries)}:
        raise MalformedResponse(filename, "has another number of members than its end says")
    place = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        fault = _directory_fault(entry)
        if not fault and entry.offset != place:
            fault = "does not follow the member before it"
        if not fault:
            fileobj.seek(entry.offset)
            fault, place = _header_fault(fileobj, entry)
        if fault:
            raise MalformedResponse(filename, f"{entry.name} {fault}")
    if place != directory.begin_bytes:
        raise MalformedResponse(filename, "has something between its members and their list")


def _directory_fault(entry: ZipEntry) -> str:
    if entry.needs & 0xFF > _NEWEST_FORMAT:
        return "needs a newer format of archives"
    if entry.method not in {_STORED, _DEFLATED}:
        return "is packed by a method that not all installers know"
    if entry.flags & _REFUSED_FLAGS:
        return "is encrypted"
    try:
        entry.raw_name.decode("utf-8" if entry.flags & _UTF_8 else "ascii")
    except UnicodeDecodeError:
        return "has a name that is not UTF-8, or not declared as such"
    return ""


def _header_fault(fileobj: BinaryIO, entry: ZipEntry) -> tuple[str, int]:
    """Return how a header differs from the directory, "" if it does not, and where it ends."""
    head = fileobj.read(_LOCAL.size)
    if len(head) != _LOCAL.size or not head.startswith(b"PK\x03\x04"):
        return "is not where the table of contents says", 0
    _, needs, flags, method, _, _, crc, packed, size, names, extras = _LOCAL.unpack(head)
    rest = fileobj.read(names + extras)
    if rest[:names] != entry.raw_name:
        return "has another name in its own header", 0
    if needs & 0xFF > _NEWEST_FORMAT:
        return "needs a newer format of archives", 0
    counted = _COUNTED_FLAGS if entry.raw_name.isascii() else _COUNTED_FLAGS | _UTF_8
    if (flags ^ entry.flags) & counted or method != entry.method:
        return "is packed otherwise in its own header", 0
    large = _large_sizes(rest[names:])
    end = entry.offset + _LOCAL.size + names + extras + entry.packed_bytes
    if not flags & _SIZES_FOLLOW:
        if large:
            size, packed = _resolved(size, packed, large)
        said = (crc, packed, size)
        return _difference(said, entry), end
    if method == _STORED and entry.packed_bytes:
        return "has neither a size before its content nor a mark behind it", 0
    if crc not in {0, entry.crc} or packed not in {0, _UNKNOWN, entry.packed_bytes}:
        return "has another digest or size in its own header", 0
    fileobj.seek(end)
    return _descriptor_fault(fileobj, entry, end, "<L2Q" if large else "<3L")


def _descriptor_fault(fileobj: BinaryIO, entry: ZipEntry, end: int, layout: str) -> tuple[str, int]:
    """Return the same for the descriptor behind a member's content, with or without its mark."""
    body = fileobj.read(len(_SIGNATURE) + struct.calcsize(layout))
    marked = len(_SIGNATURE) if body.startswith(_SIGNATURE) else 0
    length = struct.calcsize(layout)
    if len(body) < marked + length:
        return "has no descriptor behind its content", 0
    return _difference(struct.unpack_from(layout, body, marked), entry), end + marked + length


def _difference(said: tuple[int, ...], entry: ZipEntry) -> str:
    if said == (entry.crc, entry.packed_bytes, entry.size_bytes):
        return ""
    return "has another digest or size in its own header"


def _large_sizes(extra: bytes) -> tuple[int, ...]:
    """Return the sizes of a zip64 record, none without one."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<2H", extra)
        if kind == 1 and length >= 16 and len(extra) >= 20:
            return struct.unpack_from("<2Q", extra, 4)
        extra = extra[4 + length :]
    return ()


def _resolved(size: int, packed: int, large: tuple[int, ...]) -> tuple[int, int]:
    return (large[0] if size == _UNKNOWN else size, large[1] if packed == _UNKNOWN else packed)
