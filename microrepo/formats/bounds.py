"""Limits for reading, unpacking and decoding foreign bytes. Pure.

A hostile body fails its project, never the run: it is refused before it is decoded. Sizes are
checked while bytes arrive, elements by counting their separators, which is far cheaper than
creating objects. The decoders run in linear time, so a limit on size is also a limit on time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from msgspec import Struct

from microrepo.errors import MalformedResponse

_T = TypeVar("_T")
_MIB = 1 << 20
# Unpacked size that is always allowed, whatever the packed size.
_FREE_BYTES = 4 * _MIB


class OutOfBounds(MalformedResponse):
    """A body exceeds the limits of any real one. Arguments: its name, the limit."""


class Bound(Struct, frozen=True):
    """Limits for one kind of body.

    Attributes:
        size_bytes: unpacked size.
        marks: separators of elements in it; see `count_marks`.
        entries: files, projects or links.
        ratio: maximum unpacked bytes per packed byte.
        setting: setting that raises it, for messages.
    """

    size_bytes: int
    marks: int = 0
    entries: int = 0
    ratio: int = 200
    setting: str = ""

    def of_size(self, size_bytes: int) -> Bound:
        """Return the bound for another size, with as many elements per byte."""
        return Bound(
            size_bytes,
            -(-self.marks * size_bytes // self.size_bytes),
            -(-self.entries * size_bytes // self.size_bytes),
            self.ratio,
            self.setting,
        )

    @property
    def hint(self) -> str:
        """What a message about this bound ends with."""
        return f"; `{self.setting}` raises the limit" if self.setting else ""


DOCUMENT = Bound(64 * _MIB, marks=_MIB, entries=100_000, ratio=100, setting="max_document_size")
"""A project's JSON document or index page, unless the setting `max_document_size` says otherwise."""
STORED_DOCUMENT = DOCUMENT.of_size(256 * _MIB)
"""A document or page that lies in a directory: it once met the limits of the program that wrote it."""
PROJECT_LIST = Bound(128 * _MIB, marks=4 * _MIB, entries=2_000_000, ratio=100)
"""The list of all projects of an index."""
METADATA = Bound(16 * _MIB, marks=200_000)
"""METADATA, PKG-INFO or `.metadata` of a distribution, or another text file inside one."""
REQUIREMENTS = Bound(16 * _MIB, marks=200_000)
"""A requirement file, lock file or pyproject.toml."""
PROVENANCE = Bound(_MIB, marks=20_000, entries=100)
"""The provenance object of one file."""
ARCHIVE = Bound(1024 * _MIB, entries=200_000, ratio=2000)
"""Bytes of a source distribution unpacked to find its metadata."""


class Meter:
    """Counter for one body; raises `OutOfBounds` at the first byte too many.

    Args:
        bound: its limits.
        name: name of the body in messages.
        marks: the bytes that separate its elements, such as ``b","`` of JSON.
    """

    def __init__(self, bound: Bound, name: str, marks: bytes = b"") -> None:
        self._bound = bound
        self._name = name
        self._marks = marks
        self._wire_bytes = 0
        self._size_bytes = 0
        self._count = 0
        self._uncounted: list[bytes] = []

    def received(self, count_bytes: int) -> None:
        """Count packed bytes."""
        self._wire_bytes += count_bytes

    def unpacked(self, piece: bytes) -> None:
        """Count unpacked bytes and the marks in them.

        Raises:
            OutOfBounds: a limit is exceeded.
        """
        bound = self._bound
        self._size_bytes += len(piece)
        if self._size_bytes > bound.size_bytes:
            raise OutOfBounds(self._name, f"larger than {_size(bound.size_bytes)}{bound.hint}")
        if self._size_bytes > max(_FREE_BYTES, self._wire_bytes * bound.ratio):
            raise OutOfBounds(
                self._name, f"unpacks to more than {bound.ratio} times its packed size"
            )
        if self._marks:
            self._uncounted.append(piece)
            if self._size_bytes > bound.marks:  # fewer bytes cannot contain too many marks
                self._count += sum(count_marks(part, self._marks) for part in self._uncounted)
                self._uncounted.clear()
            if self._count > bound.marks:
                raise OutOfBounds(self._name, f"has more than {bound.marks:,} elements{bound.hint}")


def count_marks(body: bytes, marks: bytes) -> int:
    """Return the number of bytes of `body` in `marks`, an upper bound of its elements."""
    return sum(body.count(marks[at : at + 1]) for at in range(len(marks)))


def check_size(body: bytes, bound: Bound, name: str, marks: bytes = b"") -> None:
    """Raise `OutOfBounds` if a whole body is larger, or has more elements, than `bound` allows."""
    meter = Meter(bound, name, marks)
    meter.received(len(body))
    meter.unpacked(body)


def at_most(entries: Iterable[_T], bound: Bound, name: str) -> Iterator[_T]:
    """Yield entries; raise `OutOfBounds` at the first one beyond `bound`."""
    most = bound.entries
    for count, entry in enumerate(entries, 1):
        if count > most:
            check_entries(count, bound, name)
        yield entry


def check_entries(count: int, bound: Bound, name: str) -> None:
    """Raise `OutOfBounds` if there are more entries than `bound` allows."""
    if count > bound.entries:
        raise OutOfBounds(name, f"has more than {bound.entries:,} entries{bound.hint}")


def _size(count_bytes: int) -> str:
    if count_bytes >= _MIB:
        return f"{count_bytes // _MIB} MB"
    return f"{count_bytes:,} bytes"
