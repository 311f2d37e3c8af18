"""Archive metadata: read METADATA or PKG-INFO in place, within bounds on memory and time."""

from __future__ import annotations

import os
import re
import struct
import zlib
from typing import IO, Any

from microrepo.standalone.server.metadata import MAX_METADATA_BYTES
from microrepo.standalone.server.names import split_suffix
from microrepo.standalone.server.tar_members import TarMembers

try:
    import bz2
    import lzma
    from lzma import LZMAError
except ImportError:  # a Python built without them
    bz2 = lzma = None  # type: ignore[assignment]
    LZMAError = ValueError  # type: ignore[assignment,misc]

# Of a zip's directory, and of a packed tar unpacked in search of PKG-INFO.
_MAX_DIRECTORY_BYTES = 16 << 20
_MAX_UNPACKED_BYTES = 9 << 20
_MAX_PACKED_BYTES = 4 << 20
_BLOCK_BYTES = 64 << 10
_LZMA_MEMORY = 96 << 20
_WANTED_IN_ZIP = re.compile(rb"[^/]+\.dist-info/METADATA|(?:[^/]+|EGG-INFO)/PKG-INFO")
_WANTED_IN_TAR = re.compile(r"[^/]+/PKG-INFO")
_ZIP_END = struct.Struct("<4s4H2LH")
_ZIP64_END = struct.Struct("<4sQ2H2L4Q")
_ZIP64_PLACE = struct.Struct("<4sLQL")
_ZIP_ENTRY = struct.Struct("<4s6H3L5H2L")
_ZIP_LOCAL = struct.Struct("<4s5H3L2H")
_ALL_ONES = 0xFFFFFFFF
_BROKEN_ARCHIVE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,
    OverflowError,
    LZMAError,
    struct.error,
    zlib.error,
)


class _Inflater:
    """zlib with the interface of bz2 and lzma."""

    def __init__(self, window_bits: int) -> None:
        self._zlib = zlib.decompressobj(window_bits)

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def _decompressor(kind: str) -> Any:
    if kind in {"deflate", "gzip"}:
        return _Inflater(-15 if kind == "deflate" else 31)
    if kind == "bzip2" and bz2:
        return bz2.BZ2Decompressor()
    if kind == "xz" and lzma:
        return lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    raise ValueError(f"cannot unpack {kind}")


class _BoundedReader:
    """Reads a packed file, up to a bound on what comes out."""

    def __init__(self, stream: IO[bytes], kind: str, max_bytes: int) -> None:
        self._stream = stream
        self._decompressor = _decompressor(kind)
        self._left = max_bytes

    def read(self, size: int) -> bytes:
        size = min(size, self._left)
        parts: list[bytes] = []
        while size > 0 and not self._decompressor.eof:
            packed = b""
            if self._decompressor.needs_input:
                packed = self._stream.read(_BLOCK_BYTES)
                if not packed:
                    break
            part = self._decompressor.decompress(packed, size)
            parts.append(part)
            size -= len(part)
            self._left -= len(part)
        return b"".join(parts)


def read_core_metadata(path: str) -> bytes:
    """Return METADATA of a wheel or PKG-INFO of an sdist; empty if missing or out of bounds."""
    suffix = split_suffix(path)[1]
    try:
        with open(path, "rb") as stream:
            if suffix in {".whl", ".whlx", ".egg", ".zip"}:
                return _read_zip(stream)
            kind = {".tar.gz": "gzip", ".tgz": "gzip", ".tar.bz2": "bzip2", ".tar.xz": "xz"}.get(
                suffix
            )
            return _read_tar(stream, kind) if kind else b""
    except _BROKEN_ARCHIVE:
        return b""


def _read_tar(stream: IO[bytes], kind: str) -> bytes:
    # A tar has no directory: to look behind large members would mean to unpack them all.
    reader = _BoundedReader(stream, kind, _MAX_UNPACKED_BYTES)
    members = TarMembers(reader.read, _MAX_UNPACKED_BYTES)
    for member in members:
        if member.is_file and _WANTED_IN_TAR.fullmatch(member.name):
            return members.content()[:MAX_METADATA_BYTES]
    return b""


def _read_zip(stream: IO[bytes]) -> bytes:
    directory, shift = _zip_directory(stream)
    place = 0
    while place + _ZIP_ENTRY.size <= len(directory):
        entry = _ZIP_ENTRY.unpack_from(directory, place)
        name_length, extra_length, comment_length = entry[10:13]
        name_start = place + _ZIP_ENTRY.size
        extra_start = name_start + name_length
        if _WANTED_IN_ZIP.fullmatch(directory, name_start, extra_start):
            extra = directory[extra_start : extra_start + extra_length]
            offset = _zip64_offset(entry, extra) + shift
            return _read_member(stream, offset, method=entry[4], packed_bytes=entry[8])
        place = extra_start + extra_length + comment_length
    return b""


def _zip_directory(stream: IO[bytes]) -> tuple[bytes, int]:
    """Return a zip's central directory, and how far its offsets are off (data before the zip)."""
    size = stream.seek(0, os.SEEK_END)
    tail_start = stream.seek(max(0, size - (1 << 16) - 128))
    tail = stream.read()
    end = tail.rfind(b"PK\5\6")
    length, offset = _ZIP_END.unpack_from(tail, end)[5:7]
    stop = tail_start + end
    if _ALL_ONES in {length, offset}:
        where = _ZIP64_PLACE.unpack_from(tail, end - _ZIP64_PLACE.size)[2]
        stream.seek(where)
        length, offset = _ZIP64_END.unpack(stream.read(_ZIP64_END.size))[8:10]
        stop = where
    if length > _MAX_DIRECTORY_BYTES:
        raise ValueError("the zip's directory is too large")
    stream.seek(stop - length)
    return stream.read(length), stop - length - offset


def _zip64_offset(entry: tuple[Any, ...], extra: bytes) -> int:
    """Return a member's offset, from the extra field where it does not fit into the entry."""
    offset = int(entry[16])
    place = 0
    while offset == _ALL_ONES and place + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, place)
        if kind == 1:
            # Before it stand the two sizes, if they do not fit either.
            place += 4 + 8 * (entry[9], entry[8]).count(_ALL_ONES)
            return int(struct.unpack_from("<Q", extra, place)[0])
        place += 4 + length
    return offset


def _read_member(stream: IO[bytes], offset: int, method: int, packed_bytes: int) -> bytes:
    stream.seek(offset)
    name_length, extra_length = _ZIP_LOCAL.unpack(stream.read(_ZIP_LOCAL.size))[9:11]
    stream.seek(name_length + extra_length, os.SEEK_CUR)
    packed = stream.read(min(packed_bytes, _MAX_PACKED_BYTES))
    if not method:
        return packed[:MAX_METADATA_BYTES]
    kind = {8: "deflate", 12: "bzip2"}[method]
    return bytes(_decompressor(kind).decompress(packed, MAX_METADATA_BYTES))
