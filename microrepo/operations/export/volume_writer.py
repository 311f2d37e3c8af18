"""Writer of a bundle volume: a tar archive, written forward, the same bytes for the same content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from msgspec import Struct

from microrepo.errors import DigestMismatch, Truncated
from microrepo.operations.export.bundle_plan import BundleItem, Slice
from microrepo.standalone.importer.bundle_header import (
    CONTENTS_MEMBER,
    HEADER_MEMBER,
    MANIFEST_MEMBER,
    SIGNATURE_MEMBER,
    BundleHeader,
    BundleList,
    content_line,
    header_bytes,
)
from microrepo.standalone.importer.volumes.tar_blocks import (
    BUNDLE_END,
    member_block,
    member_padding,
)

_READ_BYTES = 1 << 20

OpenContent = Callable[[BundleItem], BinaryIO]
Sign = Callable[[bytes], bytes]


class StoredList(Struct, frozen=True):
    """A list as stored in a volume."""

    content: bytes

    def described(self) -> BundleList:
        """Return its digest and size for the header."""
        return BundleList(hashlib.sha256(self.content).hexdigest(), len(self.content))


def list_contents(volume: Sequence[Slice], open_content: OpenContent) -> StoredList:
    """Return a volume's list of contents; the pieces of split items are read for their digests.

    Raises:
        OSError: an item cannot be read.
        Truncated: an item is shorter than recorded.
    """
    lines = []
    for part in volume:
        sha256 = _piece_digest(part, open_content) if part.number else part.item.sha256
        lines.append(content_line(part.content(sha256)))
    return StoredList(b"".join(lines))


def _piece_digest(part: Slice, open_content: OpenContent) -> str:
    hasher = hashlib.sha256()
    with open_content(part.item) as stream:
        for piece in _pieces(stream, part):
            hasher.update(piece)
    return hasher.hexdigest()


def _pieces(stream: BinaryIO, part: Slice) -> Iterator[bytes]:
    if part.offset:
        stream.seek(part.offset)
    left = part.count_bytes
    while left:
        piece = stream.read(min(left, _READ_BYTES))
        if not piece:
            raise Truncated(part.item.filename, "is shorter than recorded; run `microrepo verify`")
        left -= len(piece)
        yield piece


class VolumeWriter:
    """Writes the members of one volume.

    Args:
        write: receives the bytes of the volume.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.written_bytes = 0

    def begin(
        self,
        header: BundleHeader,
        sign: Sign | None,
        manifest: StoredList | None,
        contents: StoredList,
    ) -> None:
        """Write everything that precedes the content.

        Args:
            sign: returns the signature of the header; None for an unsigned bundle.
            manifest: for the first volume.
        """
        head = header_bytes(header)
        self.add(HEADER_MEMBER, head)
        if sign is not None:
            self.add(SIGNATURE_MEMBER, sign(head))
        if manifest is not None:
            self.add(MANIFEST_MEMBER, manifest.content)
        self.add(CONTENTS_MEMBER, contents.content)

    def add(self, name: str, content: bytes) -> None:
        """Write a small member."""
        self._start(name, len(content))
        self._put(content)
        self._pad(len(content))

    def add_slices(self, volume: Sequence[Slice], open_content: OpenContent) -> Iterator[Slice]:
        """Write the content of a volume; yield each slice after it is written.

        Whole items are compared with their digests; pieces have just been read for theirs.

        Raises:
            DigestMismatch: an item is damaged.
            OSError: an item cannot be read.
            Truncated: an item is shorter than recorded.
        """
        # Hashing in a thread overlaps with reading and writing.
        with ThreadPoolExecutor(1) as hashing:
            for part in volume:
                self._add_slice(part, open_content, hashing)
                yield part

    def _add_slice(
        self, part: Slice, open_content: OpenContent, hashing: ThreadPoolExecutor
    ) -> None:
        hasher = hashlib.sha256()
        self._start(part.content(part.item.sha256).member, part.count_bytes)
        with open_content(part.item) as stream:
            for piece in _pieces(stream, part):
                hashed = hashing.submit(hasher.update, piece)
                self._put(piece)
                hashed.result()
        self._pad(part.count_bytes)
        found = hasher.hexdigest()
        if not part.number and found != part.item.sha256:
            raise DigestMismatch(part.item.filename, "sha256", part.item.sha256, found)

    def end(self) -> None:
        """Write the end of the archive."""
        self._put(BUNDLE_END)

    def _start(self, name: str, size_bytes: int) -> None:
        self._put(member_block(name, size_bytes))

    def _pad(self, size_bytes: int) -> None:
        self._put(member_padding(size_bytes))

    def _put(self, content: bytes) -> None:
        if content:
            self._write(content)
            self.written_bytes += len(content)
