"""Bounded decompression, in small steps that are counted.

The standard library's decompressors of bzip2, LZMA and Zstandard unpack a whole piece of input,
which can be gigabytes; here no call returns more than `_STEP_BYTES`.
"""

from __future__ import annotations

import bz2
import importlib
import lzma
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import Meter, OutOfBounds

Method = Literal["store", "deflate", "zlib", "gzip", "bzip2", "xz", "zip-lzma", "zstd"]
# Method numbers of the ZIP format (APPNOTE, 4.4.5).
ZIP_METHODS: dict[int, Method] = {
    0: "store",
    8: "deflate",
    12: "bzip2",
    14: "zip-lzma",
    93: "zstd",
}
_STEP_BYTES = 1 << 16
_LARGEST_DICTIONARY = 64 << 20
_MOST_STREAMS = 10_000
_WINDOW_BITS = {"deflate": -15, "zlib": 15, "gzip": 31}
_DAMAGED = (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError, MemoryError)
_MAGIC: tuple[tuple[bytes, Method], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


def method_of(start: bytes) -> Method:
    """Return the compression method from a stream's first bytes; ``store`` for none."""
    return next((method for magic, method in _MAGIC if start.startswith(magic)), "store")


def unpack(method: Method, pieces: Iterable[bytes], meter: Meter, name: str) -> Iterator[bytes]:
    """Yield the unpacked bytes of a stream, at most 64 KiB at a time.

    Args:
        method: compression method; concatenated streams of gzip, bzip2, xz and zstd count as one.
        pieces: its packed bytes.
        meter: counts both sides.
        name: its name in messages.

    Raises:
        MalformedResponse: it is damaged, ends early, or the method is not supported here.
        OutOfBounds: it unpacks to more than the meter allows.
    """
    if method == "store":
        for piece in pieces:
            meter.received(len(piece))
            meter.unpacked(piece)
            yield piece
        return
    try:
        for unpacked in _steps(method, pieces, meter, name):
            meter.unpacked(unpacked)
            yield unpacked
    except (MalformedResponse, ConnectionError, TimeoutError):
        raise  # the pieces stopped coming, which says nothing of their content
    except _DAMAGED as error:
        text = str(error) or type(error).__name__
        raise MalformedResponse(name, f"cannot be unpacked ({text[:200]})") from error


def _steps(method: Method, pieces: Iterable[bytes], meter: Meter, name: str) -> Iterator[bytes]:
    opened: _Stream | None = None
    streams = 0
    for piece in pieces:
        meter.received(len(piece))
        rest = piece
        while rest:
            if opened is None:
                if streams and not rest.strip(b"\0"):
                    break  # padding after the last stream
                opened, streams = _open(method, name), streams + 1
                if streams > _MOST_STREAMS:
                    raise OutOfBounds(name, f"consists of more than {_MOST_STREAMS:,} streams")
            yield from opened.feed(rest)
            rest = opened.unused if opened.ended else b""
            if opened.ended:
                opened = None
    # LZMA in a ZIP need not mark its end: the member's size shows missing bytes.
    if (opened is not None and method != "zip-lzma") or not streams:
        raise MalformedResponse(name, "ends before it is complete")


class _Stream:
    """One packed stream, unpacked step by step."""

    ended = False
    unused = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` unpacks to."""
        raise NotImplementedError


class _ZlibStream(_Stream):
    def __init__(self, window_bits: int) -> None:
        self._inside = zlib.decompressobj(window_bits)

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data and not self.ended:
            unpacked = self._inside.decompress(data, _STEP_BYTES)
            self.ended, self.unused = self._inside.eof, self._inside.unused_data
            data = self._inside.unconsumed_tail
            if unpacked:
                yield unpacked
            elif not data:
                return


class _StepStream(_Stream):
    """A decompressor with the interface of `bz2.BZ2Decompressor`."""

    def __init__(self, inside: Any) -> None:
        self._inside = inside

    def feed(self, data: bytes) -> Iterator[bytes]:
        while not self._inside.eof:
            unpacked = self._inside.decompress(data, _STEP_BYTES)
            data = b""
            if unpacked:
                yield unpacked
            if self._inside.needs_input:
                return
        self.ended, self.unused = True, self._inside.unused_data


class _ZipLzmaStream(_Stream):
    """LZMA in ZIP: four bytes with the length of the properties, the properties, the data."""

    _HEAD_BYTES = 9

    def __init__(self) -> None:
        self._head = b""
        self._inside: _StepStream | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._inside is None:
            self._head += data
            if len(self._head) < self._HEAD_BYTES:
                return
            self._inside = _StepStream(_raw_lzma(self._head[: self._HEAD_BYTES]))
            data = self._head[self._HEAD_BYTES :]
        if data:
            yield from self._inside.feed(data)
        self.ended, self.unused = self._inside.ended, self._inside.unused


def _raw_lzma(head: bytes) -> lzma.LZMADecompressor:
    _, length, settings, dictionary = struct.unpack("<HHBI", head)
    if length != 5 or settings >= 225 or dictionary > _LARGEST_DICTIONARY:
        raise ValueError("unusual LZMA properties")
    chosen = {
        "id": lzma.FILTER_LZMA1,
        "dict_size": max(dictionary, 4096),
        "lc": settings % 9,
        "lp": settings // 9 % 5,
        "pb": settings // 45,
    }
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[chosen])


def _xz() -> _Stream:
    # The dictionary is a good part of what an xz stream needs.
    limit = _LARGEST_DICTIONARY + (16 << 20)
    return _StepStream(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limit))


def _zstd() -> _Stream:
    module = importlib.import_module("compression.zstd")  # Python 3.14
    options = {module.DecompressionParameter.window_log_max: 26}
    return _StepStream(module.ZstdDecompressor(options=options))


_OPENERS: dict[str, Callable[[], _Stream]] = {
    "bzip2": lambda: _StepStream(bz2.BZ2Decompressor()),
    "xz": _xz,
    "zip-lzma": _ZipLzmaStream,
    "zstd": _zstd,
}


def _open(method: Method, name: str) -> _Stream:
    if method in _WINDOW_BITS:
        return _ZlibStream(_WINDOW_BITS[method])
    try:
        return _OPENERS[method]()
    except ImportError:
        raise MalformedResponse(
            name, f"is packed with {method}, which this Python cannot unpack"
        ) from None
