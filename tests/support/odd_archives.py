"""Zip archives that are odd in one respect each: in a header, in their end, in their list of members."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import cast

from tests.support.archives import pack_zip

Change = Callable[[bytes], bytes]

_END = b"PK\x05\x06"
_ENTRY = b"PK\x01\x02"


class _Pipe(io.RawIOBase):
    """A stream that cannot be rewound, so that sizes follow the content."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        body = bytes(cast("bytes", data))
        self.content += body
        return len(body)


def _members(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {one.filename: archive.read(one) for one in archive.infolist()}


def _at(place: int, bits: int, of: bytes = b"") -> Change:
    """Return a change of one byte, counted from the first occurrence of a signature."""

    def changed(body: bytes) -> bytes:
        where = body.index(of) + place
        return body[:where] + bytes([body[where] ^ bits]) + body[where + 1 :]

    return changed


def _written(method: int, *, to_pipe: bool = False, large: bool = False) -> Change:
    def changed(body: bytes) -> bytes:
        pipe, buffer = _Pipe(), io.BytesIO()
        with zipfile.ZipFile(pipe if to_pipe else buffer, "w", method) as archive:
            for name, content in _members(body).items():
                with archive.open(name, "w", force_zip64=large) as stream:
                    stream.write(content)
        return bytes(pipe.content) if to_pipe else buffer.getvalue()

    return changed


def _inserted(what: bytes) -> Change:
    """Return a change that puts bytes between the members and their list."""

    def changed(body: bytes) -> bytes:
        begin, end = body.index(_ENTRY), body.index(_END)
        moved = struct.pack("<L", begin + len(what))
        return body[:begin] + what + body[begin : end + 16] + moved + body[end + 20 :]

    return changed


def _with(name: str | zipfile.ZipInfo, content: bytes) -> Change:
    def changed(body: bytes) -> bytes:
        buffer = io.BytesIO(body)
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(name, content)
        return buffer.getvalue()

    return changed


def _twice(content: bytes | None, mode: int = 0o100644) -> Change:
    """Return a change that lists the first member again, with the same content or another."""

    def changed(body: bytes) -> bytes:
        name, old = next(iter(_members(body).items()))
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Duplicate name", UserWarning)
            return _with(entry, old if content is None else content)(body)

    return changed


def _commented(body: bytes) -> bytes:
    buffer = io.BytesIO(body)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"of use to nobody"
    return buffer.getvalue()


_LOST = pack_zip({"lost.py": b"X = 1\n"})

REFUSED: dict[str, Change] = {
    "digest in header": _at(14, 0xFF),
    "packed size in header": _at(18, 0xFF),
    "size in header": _at(24, 0x01),
    "encrypted in header": _at(6, 0x01),
    "method in header": _at(8, 0x08),
    "newer in header": _at(4, 0xFF),
    "newer in list": _at(6, 0xFF, _ENTRY),
    "patched in list": _at(8, 0x20, _ENTRY),
    "stored and streamed": _written(zipfile.ZIP_STORED, to_pipe=True),
    "digest of streamed": lambda body: _at(5, 0xFF, b"PK\x07\x08")(
        _written(zipfile.ZIP_DEFLATED, to_pipe=True)(body)
    ),
    "bzip2": _written(zipfile.ZIP_BZIP2),
    "lzma": _written(zipfile.ZIP_LZMA),
    "lost member": _inserted(_LOST[: _LOST.index(_ENTRY)]),
    "gap": _inserted(b"\0\0\0\0"),
    "text behind": lambda body: body + b"hello",
    "disk in end": _at(4, 0x01, _END),
    "count in end": _at(10, 0x01, _END),
    "comment in end": _at(20, 0x01, _END),
    "two contents": _twice(b"Y = 2\n"),
    "two modes": _twice(None, 0o100600),
    "directory with content": _with("zz_more/", b"x"),
    "file and directory": lambda body: _with("zz_one", b"")(_with("zz_one/two.py", b"")(body)),
    "name in another encoding": lambda body: _with("zz_\xe9.py", b"")(body).replace(
        b"zz_\xc3\xa9.py", b"zz_\xff\xfe.py"
    ),
    "long name": _with("n" * 256, b""),
}
TAKEN: dict[str, Change] = {
    "time in header": _at(10, 0xFF),
    "unread flag in header": _at(7, 0x40),
    "unread flag in list": _at(9, 0x40, _ENTRY),
    "streamed": _written(zipfile.ZIP_DEFLATED, to_pipe=True),
    "large": _written(zipfile.ZIP_DEFLATED, large=True),
    "large and streamed": _written(zipfile.ZIP_DEFLATED, to_pipe=True, large=True),
    "zeros behind": lambda body: body + b"\0" * 8,
    "comment": _commented,
    "same content twice": _twice(None),
    "directory": _with("zz_more/", b""),
    "name in UTF-8": _with("zz_\xe9.py", b""),
    "long enough name": _with("n" * 255, b""),
}
ODD_ARCHIVES = {**REFUSED, **TAKEN}
