"""Reader of one volume, from its header to its end, as `bundle_header` describes it.

It accepts exactly the members that the volume's lists state, in their order; anything else is an
error with its place. Lists are bounded, and their digests are compared before they are used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from microrepo.standalone.importer.bundle_header import (
    CONTENTS_MEMBER,
    FIRST_VOLUME_MEMBERS,
    HEADER_MEMBER,
    MANIFEST_MEMBER,
    MAX_HEADER_BYTES,
    MAX_SIGNATURE_BYTES,
    SIGNATURE_MEMBER,
    BundleContent,
    BundleError,
    BundleHeader,
    BundleList,
    parse_content,
    parse_header,
)
from microrepo.standalone.importer.manifest import MAX_LINE_BYTES
from microrepo.standalone.importer.volumes.tar_blocks import (
    BUNDLE_BLOCK_BYTES,
    BUNDLE_END,
    parse_member_block,
)
from microrepo.standalone.importer.volumes.volume_stream import VolumeDamage, VolumeStream

# Of a list as stored; a manifest of a million files has about 100 MB.
MAX_LIST_BYTES = 1 << 30
_FOLDER_RANKS = {"metadata": 1, "provenance": 2, "files": 3}


class VolumeHead(NamedTuple):
    """The first members of a volume, as stored; the signature is empty if it is not signed."""

    header: BundleHeader
    content: bytes
    signature: bytes


class VolumeReader:
    """Reads the next volume of a stream: `head`, then `manifest`, `contents`, `members`, `finish`.

    Args:
        stream: at the beginning of a volume.
    """

    def __init__(self, stream: VolumeStream) -> None:
        self.stream = stream
        self._next: tuple[str, int] | None = None
        self._unread_bytes = self._member_bytes = 0
        self._member = ""
        self._start = 0

    def head(self) -> VolumeHead:
        """Return the header and its signature.

        Raises:
            BundleError: the stream is not a volume, or the header is malformed.
        """
        name, size = self._peek("the header of the bundle")
        if name != HEADER_MEMBER:
            raise self.stream.error(f"begins with {name!r}; not a bundle of microrepo")
        content = self._small(HEADER_MEMBER, size, MAX_HEADER_BYTES)
        signature = b""
        name, size = self._peek("a list")
        if name == SIGNATURE_MEMBER:
            signature = self._small(SIGNATURE_MEMBER, size, MAX_SIGNATURE_BYTES)
        try:
            header = parse_header(content)
        except BundleError as error:
            raise BundleError(f"{self.stream.name}: {error}") from None
        return VolumeHead(header, content, signature)

    def manifest(self, header: BundleHeader, write: Callable[[bytes], object]) -> None:
        """Copy the manifest, packed, from the first volume.

        Raises:
            BundleError: it differs from what the header states.
        """
        self._list(MANIFEST_MEMBER, header.manifest, write)

    def contents_text(self, header: BundleHeader) -> bytes:
        """Return the list of the members that follow, see `parse_contents`.

        Raises:
            BundleError: it differs from what the header states.
        """
        parts: list[bytes] = []
        self._list(CONTENTS_MEMBER, header.contents, parts.append)
        return b"".join(parts)

    def begin(self, content: BundleContent) -> None:
        """Begin the next member.

        Raises:
            BundleError: the archive has another one.
        """
        self._begin(content.member, content.piece_bytes)

    def chunks(self) -> Iterator[bytes]:
        """Yield the content of the current member.

        Raises:
            VolumeDamage: it cannot be read.
        """
        for chunk in self.stream.chunks(self._unread_bytes, self._member):
            self._unread_bytes -= len(chunk)
            yield chunk

    def skip(self) -> None:
        """Pass over what is left of the current member."""
        if self._unread_bytes:
            self.stream.skip(self._unread_bytes, self._member)
            self._unread_bytes = 0

    def mismatch(self, found_sha256: str) -> VolumeDamage:
        """Return the error that the current member, read to its end, has another digest.

        It is read again if possible, to distinguish a damaged medium from an unreliable one.
        """
        again = self.stream.digest_again(self._start, self._member_bytes, self._member)
        if not again:
            why = "damaged on the way"
        elif again == found_sha256:
            why = "damaged on the medium, or when it was written"
        else:
            why = "reads differ from each other: the medium or the memory is unreliable"
        return VolumeDamage(f"{self.stream.name}: {self._member}, from byte {self._start:,}: {why}")

    def finish(self) -> None:
        """Read the end of the volume.

        Raises:
            BundleError: more members follow.
        """
        self._end_member()
        if self.stream.read(len(BUNDLE_END), "the end of the volume") != BUNDLE_END:
            raise self.stream.error("more than the contents list states")

    def _peek(self, what: str) -> tuple[str, int]:
        """Return name and size of the next member."""
        if self._next is None:
            self._end_member()
            block = self.stream.read(BUNDLE_BLOCK_BYTES, what)
            try:
                self._next = parse_member_block(block)
            except ValueError as error:
                raise self.stream.error(f"{error} ({what} is expected)") from None
        return self._next

    def _begin(self, name: str, size_bytes: int) -> None:
        found = self._peek(name)
        if found != (name, size_bytes):
            raise self.stream.error(
                f"{found[0]!r} of {found[1]:,} bytes where the lists have {name!r} of "
                f"{size_bytes:,} bytes"
            )
        self._next = None
        self._member, self._start = name, self.stream.offset
        self._unread_bytes = self._member_bytes = size_bytes

    def _end_member(self) -> None:
        self.skip()
        padding_bytes = -self._member_bytes % BUNDLE_BLOCK_BYTES
        padding = self.stream.read(padding_bytes, self._member) if padding_bytes else b""
        if padding.strip(b"\0"):
            raise self.stream.error(f"bytes after the end of {self._member}")
        self._member_bytes = 0

    def _small(self, name: str, size_bytes: int, most_bytes: int) -> bytes:
        if size_bytes > most_bytes:
            raise self.stream.error(f"{name} has {size_bytes:,} bytes, more than {most_bytes:,}")
        self._begin(name, size_bytes)
        return b"".join(self.chunks())

    def _list(self, name: str, stated: BundleList, write: Callable[[bytes], object]) -> None:
        if stated.size_bytes > MAX_LIST_BYTES:
            raise self.stream.error(f"{name} is larger than {MAX_LIST_BYTES:,} bytes")
        self._begin(name, stated.size_bytes)
        hasher = hashlib.sha256()
        for chunk in self.chunks():
            hasher.update(chunk)
            write(chunk)
        if hasher.hexdigest() != stated.sha256:
            raise self.mismatch(hasher.hexdigest())


def parse_contents(text: bytes, volume: int) -> list[BundleContent]:
    """Return the members that `contents.jsonl` of a volume lists.

    Raises:
        BundleError: a line is malformed, a member is listed twice or at the wrong place.
    """
    found: list[BundleContent] = []
    seen: set[str] = set()
    rank = 0
    for line in text.splitlines(keepends=True):
        if len(line) > MAX_LINE_BYTES or not line.endswith(b"\n"):
            raise BundleError(f"{CONTENTS_MEMBER}: a line is too long, or cut off")
        content = parse_content(line)
        own_rank = _FOLDER_RANKS.get(content.member.partition("/")[0], 0)
        if content.member in seen:
            raise BundleError(f"{CONTENTS_MEMBER}: lists {content.member!r} twice")
        if own_rank < rank or (content.member in FIRST_VOLUME_MEMBERS and volume != 1):
            raise BundleError(f"{CONTENTS_MEMBER}: {content.member!r} is at the wrong place")
        rank = own_rank
        seen.add(content.member)
        found.append(content)
    return found
