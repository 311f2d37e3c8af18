"""METADATA of a wheel, found by looking at the end of the archive only.

A wheel may have thousands of members, and listing them all takes longer than anything else about
it. This looks for the one wanted in the bytes of the central directory (APPNOTE.TXT, 4.3.12), and
gives up on whatever is unusual: `archives.read_wheel_metadata` then reads it the long way.
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_SUFFIX = b".dist-info/METADATA"
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1
_MAX_DIRECTORY_BYTES = 64 << 20
_MAX_METADATA_BYTES = 8 << 20
# What is read at once; the directory of most wheels lies within.
_TAIL_BYTES = 16 << 10


def find_metadata(fileobj: BinaryIO, size_bytes: int) -> bytes | None:
    """Return the METADATA of a plainly made wheel, None for one that needs a closer look.

    Args:
        fileobj: the wheel.
        size_bytes: its length.
    """
    directory = read_directory(fileobj, size_bytes)
    if directory is None:
        return None
    found = _entries(directory)
    if len(found) != 1:
        return None
    return _content(fileobj, directory, found[0])


def read_directory(fileobj: BinaryIO, size_bytes: int) -> bytes | None:
    """Return the central directory of a plainly made archive, None for one that is not.

    Args:
        fileobj: the archive.
        size_bytes: its length.
    """
    start = max(0, size_bytes - _TAIL_BYTES)
    fileobj.seek(start)
    tail = fileobj.read(size_bytes - start)
    if len(tail) != size_bytes - start or len(tail) < _END.size:
        return None
    mark, disk, first_disk, here, entries, length, offset, comment = _END.unpack(tail[-_END.size :])
    plain = (mark, disk, first_disk, comment) == (b"PK\x05\x06", 0, 0, 0) and here == entries
    # Bytes before the archive shift all offsets; larger archives say so in other records.
    if not plain or offset + length + _END.size != size_bytes or length > _MAX_DIRECTORY_BYTES:
        return None
    if offset >= start:
        return tail[offset - start : offset - start + length]
    fileobj.seek(offset)
    directory = fileobj.read(length)
    return directory if len(directory) == length else None


def _entries(directory: bytes) -> list[int]:
    """Return where the entries of top-level METADATA files begin."""
    found = []
    place = directory.find(_SUFFIX)
    while place >= 0:
        end = place + len(_SUFFIX)
        start = directory.rfind(b"PK\x01\x02", 0, place)
        if start >= 0 and start + _ENTRY.size <= place:
            name_bytes = _ENTRY.unpack_from(directory, start)[10]
            name = directory[start + _ENTRY.size : end]
            if len(name) == name_bytes and name.count(b"/") == 1:
                found.append(start)
        place = directory.find(_SUFFIX, end)
    return found


def _content(fileobj: BinaryIO, directory: bytes, start: int) -> bytes | None:
    entry = _ENTRY.unpack_from(directory, start)
    flags, method, crc, packed_bytes, bytes_ = entry[3], entry[4], entry[7], entry[8], entry[9]
    offset = entry[16]
    if flags & _ENCRYPTED or max(packed_bytes, bytes_) > _MAX_METADATA_BYTES:
        return None
    fileobj.seek(offset)
    head = fileobj.read(_LOCAL.size)
    if len(head) != _LOCAL.size:
        return None
    local = _LOCAL.unpack(head)
    if local[0] != b"PK\x03\x04":
        return None
    fileobj.seek(offset + _LOCAL.size + local[9] + local[10])
    packed = fileobj.read(packed_bytes)
    if method == _DEFLATED:
        try:
            content = zlib.decompressobj(-15).decompress(packed, _MAX_METADATA_BYTES)
        except zlib.error:
            return None
    elif method == _STORED:
        content = packed
    else:
        return None
    return content if len(content) == bytes_ and zlib.crc32(content) == crc else None
