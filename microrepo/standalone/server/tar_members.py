"""Members of a tar archive, read forward once, in linear time and without an object for each.

The standard library's `tarfile` takes quadratic time for some pax headers and sparse maps, and goes
one call deeper for each header that precedes another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

_TAR_BLOCK_BYTES = 512
_MAX_EXTENSION_BYTES = 1 << 20
_SKIPPED_BYTES = 1 << 16
_FILE_TYPES = frozenset(b"\x0007")
# Links, devices, directories and FIFOs have no content, whatever their size field says.
_EMPTY_TYPES = frozenset(b"123456")
_SPARSE, _GNU_NAME, _GNU_LINK, _PAX_FOR_ALL = b"SLKg"
_EXTENSION_TYPES = frozenset(b"LKxXg")
_TAR_CHECKSUM = slice(148, 156)


class TarMember(NamedTuple):
    """One member: its name, the size of its content, and whether it is a regular file."""

    name: str
    size_bytes: int
    is_file: bool


class TarMembers:
    """Iterates over the members of an unpacked tar.

    Args:
        read: returns the next bytes, fewer than asked for only at the end.
        max_headers: highest number of headers.

    Raises:
        ValueError: too many or too large headers, sparse members, not a tar.
    """

    def __init__(self, read: Callable[[int], bytes], max_headers: int) -> None:
        self._read = read
        self._max_headers = max_headers
        self._headers = 0
        self._unread_bytes = 0
        self._padding_bytes = 0

    def __iter__(self) -> Iterator[TarMember]:
        name, size_text = "", ""
        while True:
            header = self._next_header()
            if not header:
                if name or size_text:
                    raise ValueError("ends after an extended header")
                return
            kind = header[156]
            if kind in _EXTENSION_TYPES:
                content = self._extension()
                if kind == _GNU_NAME:
                    name = _text_until_nul(content)
                elif kind != _GNU_LINK:
                    records = {} if kind == _PAX_FOR_ALL else _pax_records(content)
                    name, size_text = records.get("path", name), records.get("size", size_text)
                continue
            if size_text.isdecimal():
                self._expect(int(size_text[:18]))
            if kind in _EMPTY_TYPES:
                self._expect(0)
            name = name or _name_in(header)
            is_file = kind in _FILE_TYPES and not (kind == 0 and name.endswith("/"))
            yield TarMember(name if is_file else name.rstrip("/"), self._unread_bytes, is_file)
            name, size_text = "", ""

    def content(self) -> bytes:
        """Return the content of the current member."""
        content = self._read(self._unread_bytes)
        if len(content) < self._unread_bytes:
            raise ValueError("ends inside a member")
        self._unread_bytes = 0
        return content

    def _next_header(self) -> bytes:
        """Return the next header, b"" at the end of the archive."""
        self._skip(self._unread_bytes + self._padding_bytes)
        header = self._read(_TAR_BLOCK_BYTES)
        if not _is_header(header):
            if self._headers == 0 and header != b"\0" * _TAR_BLOCK_BYTES:
                raise ValueError("not a tar archive")
            return b""
        self._headers += 1
        if self._headers > self._max_headers:
            raise ValueError(f"has more than {self._max_headers:,} members")
        if header[156] == _SPARSE:
            raise ValueError("has sparse members")
        self._expect(_number_in(header[124:136]))
        return header

    def _extension(self) -> bytes:
        if self._unread_bytes > _MAX_EXTENSION_BYTES:
            raise ValueError("has an oversized header")
        return self.content()

    def _expect(self, size: int) -> None:
        if size < 0:
            raise ValueError("has a member without a size")
        self._unread_bytes = size
        self._padding_bytes = -size % _TAR_BLOCK_BYTES

    def _skip(self, count_bytes: int) -> None:
        while count_bytes > 0:
            skipped = len(self._read(min(count_bytes, _SKIPPED_BYTES)))
            if not skipped:
                raise ValueError("ends inside a member")
            count_bytes -= skipped


def _is_header(header: bytes) -> bool:
    """Return whether a block is a header: its checksum, with signed or unsigned bytes, is right."""
    if len(header) < _TAR_BLOCK_BYTES or not header[0]:
        return False
    # The checksum's own field counts as blanks.
    unsigned = sum(header) - sum(header[_TAR_CHECKSUM]) + 8 * 0x20
    if unsigned == _number_in(header[_TAR_CHECKSUM]):
        return True
    summed = header[:148] + header[156:]
    return unsigned - 256 * sum(byte > 127 for byte in summed) == _number_in(header[_TAR_CHECKSUM])


def _number_in(field: bytes) -> int:
    """Return a number in octal digits or, for large ones, in bytes after a mark; -1 for neither."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip()
    if not digits:
        return 0
    try:
        return int(digits, 8)
    except ValueError:
        return -1


def _name_in(header: bytes) -> str:
    name, prefix = _text_until_nul(header[:100]), _text_until_nul(header[345:500])
    return f"{prefix}/{name}" if prefix else name


def _text_until_nul(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _pax_records(content: bytes) -> dict[str, str]:
    """Return the records of a pax header: `LENGTH KEY=VALUE` and a newline, one after another."""
    records = dict(_each_record(content))
    if any(key.startswith("GNU.sparse.") for key in records):
        raise ValueError("has sparse members")
    return records


def _each_record(content: bytes) -> Iterator[tuple[str, str]]:
    start = 0
    while start < len(content):
        space = content.find(b" ", start, start + 12)
        digits = content[start:space] if space > 0 else b""
        if not digits.isdigit() or not int(digits):
            return
        end = start + int(digits)
        key, _, value = content[space + 1 : end - 1].partition(b"=")
        yield key.decode("utf-8", "replace"), value.decode("utf-8", "surrogateescape")
        start = end
