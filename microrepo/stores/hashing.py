"""Digests of content and files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from microrepo.model import COMPUTED, Digests
from microrepo.stores.plain_files import open_plain_file

ALGORITHMS: tuple[str, ...] = COMPUTED
_READ_BYTES = 1 << 20


class Hasher(Protocol):
    """The methods of hashlib's objects that are used here."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far."""


def new_hasher(algorithm: str) -> Hasher:
    """Return a hasher for an algorithm as `Digests` names it."""
    if algorithm == "blake2b_256":
        return hashlib.blake2b(digest_size=32)
    if algorithm == "sha256":
        return hashlib.sha256(usedforsecurity=False)
    return hashlib.new(algorithm, usedforsecurity=False)


class ContentHasher:
    """Hasher for several digests of one content.

    Args:
        algorithms: as `Digests` names them.
    """

    def __init__(self, algorithms: Sequence[str] = ALGORITHMS) -> None:
        self._hashers = {algorithm: new_hasher(algorithm) for algorithm in algorithms}

    def update(self, data: bytes) -> None:
        """Add bytes."""
        for hasher in self._hashers.values():
            hasher.update(data)

    def digests(self) -> Digests:
        """Return the digests of all bytes so far."""
        return Digests(**{name: hasher.hexdigest() for name, hasher in self._hashers.items()})


def hash_file(path: Path, algorithms: Sequence[str] = ALGORITHMS) -> Digests:
    """Read a file once and return its digests.

    Raises:
        OSError: the file cannot be read.
    """
    hasher = ContentHasher(algorithms)
    update_from(path, hasher.update)
    return hasher.digests()


def update_from(path: Path, update: Callable[[bytes], object]) -> None:
    """Read a file once, piece by piece.

    Raises:
        OSError: the file cannot be read.
    """
    with open_plain_file(path) as stream:
        while piece := stream.read(_READ_BYTES):
            update(piece)
