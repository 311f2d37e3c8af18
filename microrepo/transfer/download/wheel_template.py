"""Assembly of a wheel from a local older one and downloaded ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from microrepo.client import Client
from microrepo.errors import MicrorepoError
from microrepo.formats.distribution.zip_directory import plain_directory
from microrepo.formats.distribution.zip_layout import (
    Piece,
    content_start,
    plan_pieces,
    read_members,
)
from microrepo.transfer.download.remote_file import RangesRefused, RemoteFile

_READ_BYTES = 1 << 20
_LOCAL_BYTES = 30
_LEAST_BYTES = 64 << 10


def assemble(
    client: Client,
    url: str,
    size_bytes: int,
    template: Path,
    take: Callable[[bytes], None],
    progress: Callable[[int], None],
) -> int:
    """Pass on the bytes of a wheel from its start, as far as this is cheaper than a download.

    Nothing is verified here: the caller compares the digest of the whole file. After a failure the
    function ends early, with the bytes so far.

    Args:
        client: the HTTP client.
        size_bytes: its length.
        template: a local older wheel.
        take: called with the bytes in order.
        progress: receives byte counts as they arrive.

    Returns:
        The number of bytes from the template.
    """
    reused = 0
    remote = RemoteFile(client, url, size_bytes)
    try:
        with template.open("rb") as old:
            pieces = _plan(remote, size_bytes, old)
            for piece in pieces:
                for part in _parts(piece, remote, old):
                    take(part)
                    progress(len(part))
                if piece.kind == "old":
                    reused += piece.size_bytes
    except (RangesRefused, MicrorepoError, OSError):
        # The normal download continues from here, or starts over.
        return reused
    return reused


def _plan(remote: RemoteFile, size_bytes: int, old: BinaryIO) -> list[Piece]:
    old_bytes = old.seek(0, 2)
    ours = plain_directory(old, old_bytes)
    theirs = plain_directory(cast("BinaryIO", remote), size_bytes)
    if ours is None or theirs is None:
        return []
    old_members, new_members = read_members(ours), read_members(theirs)
    if not old_members or not new_members:
        return []
    wanted = {member.content for member in new_members}
    places = {}
    for member in old_members:
        if member.content in wanted and member.packed_bytes:
            old.seek(member.offset)
            start = content_start(old.read(_LOCAL_BYTES), member.offset)
            if start is not None:
                places[member.content] = start
    pieces = plan_pieces(new_members, size_bytes, places)
    saved = sum(piece.size_bytes for piece in pieces if piece.kind == "old")
    return pieces if saved >= _LEAST_BYTES else []


def _parts(piece: Piece, remote: RemoteFile, old: BinaryIO) -> Iterator[bytes]:
    if piece.kind == "literal":
        yield piece.literal
        return
    stream = old if piece.kind == "old" else cast("BinaryIO", remote)
    stream.seek(piece.start)
    left = piece.size_bytes
    while left:
        part = stream.read(min(left, _READ_BYTES))
        if not part:
            raise OSError("the template ends early")
        yield part
        left -= len(part)
