"""Plan of a bundle: which content it carries, in which volume, whole or in pieces. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from microrepo.errors import ConfigError
from microrepo.standalone.importer.bundle_header import (
    MAX_HEADER_BYTES,
    MAX_SIGNATURE_BYTES,
    BundleContent,
    content_line,
    member_of,
)
from microrepo.standalone.importer.volumes.tar_blocks import (
    BUNDLE_BLOCK_BYTES,
    BUNDLE_END,
    stored_member_bytes,
)

# A tar header can state sizes below 8 GiB, FAT32 can hold files below 4 GiB.
_MAX_PIECE_BYTES = (1 << 32) - (1 << 20)
# A smaller rest of a volume stays empty.
_LEAST_PIECE_BYTES = 1 << 20
MIN_VOLUME_BYTES = 1 << 20
_UNKNOWN_SHA256 = "0" * 64


class BundleItem(Struct, frozen=True, gc=False):
    """Content that a bundle carries.

    Attributes:
        folder: `files`, `metadata`, or "" for a member with its own name.
    """

    folder: str
    filename: str
    sha256: str
    size_bytes: int


class Slice(Struct, frozen=True, gc=False):
    """The part of an item that one volume carries.

    Attributes:
        number: number of the piece, from 1; 0 for a whole item.
    """

    item: BundleItem
    offset: int
    count_bytes: int
    number: int = 0

    def content(self, piece_sha256: str) -> BundleContent:
        """Return the entry of the volume's list of contents."""
        item = self.item
        member = item.filename
        if item.folder:
            member = member_of(item.sha256, item.filename, item.folder, self.number)
        return BundleContent(
            member, item.sha256, item.size_bytes, self.offset, self.count_bytes, piece_sha256
        )


def plan_volumes(
    items: Iterable[BundleItem], max_bytes: int | None, manifest_bytes: int
) -> list[list[Slice]]:
    """Return the slices of each volume; at least one volume.

    An item is split only if it does not fit a volume of its own.

    Args:
        max_bytes: largest size of a volume; None for a single volume.
        manifest_bytes: size of the manifest as stored in the first volume.

    Raises:
        ConfigError: the manifest does not fit a volume.
    """
    if max_bytes is not None and stored_member_bytes(manifest_bytes) + _overhead() >= max_bytes:
        raise ConfigError(
            f"--split: the first volume needs {stored_member_bytes(manifest_bytes) + _overhead():,} bytes for "
            "its lists alone; use larger volumes"
        )
    cutter = _Cutter(max_bytes, manifest_bytes)
    for item in items:
        cutter.add(item)
    return cutter.volumes


def _overhead() -> int:
    """Return the bytes of a volume without lists and content, at most."""
    headers = stored_member_bytes(MAX_HEADER_BYTES) + stored_member_bytes(MAX_SIGNATURE_BYTES)
    return headers + 2 * BUNDLE_BLOCK_BYTES + len(BUNDLE_END)


class _Cutter:
    """Distributes items over volumes."""

    def __init__(self, max_bytes: int | None, manifest_bytes: int) -> None:
        self._capacity = None if max_bytes is None else max_bytes - _overhead()
        self._free = (
            None if self._capacity is None else self._capacity - stored_member_bytes(manifest_bytes)
        )
        self.volumes: list[list[Slice]] = [[]]

    def add(self, item: BundleItem) -> None:
        """Put an item into the current volume, the next one, or several."""
        whole = Slice(item, 0, item.size_bytes)
        if item.size_bytes <= _MAX_PIECE_BYTES:
            if self._fits(whole, self._free):
                self._put(whole)
                return
            if self._fits(whole, self._capacity):
                self._begin()
                self._put(whole)
                return
        for number, (offset, count) in enumerate(self._pieces(item), 1):
            self._put(Slice(item, offset, count, number))

    def _pieces(self, item: BundleItem) -> Iterator[tuple[int, int]]:
        offset = 0
        while offset < item.size_bytes:
            count = min(self._room(item), item.size_bytes - offset)
            yield offset, count
            offset += count

    def _room(self, item: BundleItem) -> int:
        """Return the bytes that a piece can have; begin a volume if there is too little room."""
        if self._free is None:
            return _MAX_PIECE_BYTES
        least = Slice(item, item.size_bytes, 0, 99_999)
        for _ in range(2):
            room = (self._free - _slice_cost(least)) // BUNDLE_BLOCK_BYTES * BUNDLE_BLOCK_BYTES
            if room >= min(_LEAST_PIECE_BYTES, (self._capacity or 0) // 2):
                break
            self._begin()
        return min(room, _MAX_PIECE_BYTES)

    def _fits(self, part: Slice, free: int | None) -> bool:
        return free is None or _slice_cost(part) <= free

    def _put(self, part: Slice) -> None:
        self.volumes[-1].append(part)
        if self._free is not None:
            self._free -= _slice_cost(part)

    def _begin(self) -> None:
        self.volumes.append([])
        self._free = self._capacity


def _slice_cost(part: Slice) -> int:
    return stored_member_bytes(part.count_bytes) + len(content_line(part.content(_UNKNOWN_SHA256)))


def planned_bytes(volumes: Sequence[Sequence[Slice]]) -> int:
    """Return the bytes of content that the volumes carry."""
    return sum(part.count_bytes for volume in volumes for part in volume)
