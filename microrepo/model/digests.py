"""Digests of files."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import astuple


class Digests(Struct, frozen=True, omit_defaults=True, gc=False):
    """Digests of one file's content, lower-case hex; None if unknown.

    All algorithms of fixed length that `hashlib` guarantees, since an index may list any.
    `COMPUTED` are those that microrepo computes itself.
    """

    sha256: str | None = None
    blake2b_256: str | None = None
    md5: str | None = None
    sha512: str | None = None
    sha384: str | None = None
    sha3_512: str | None = None
    sha3_384: str | None = None
    sha3_256: str | None = None
    blake2b: str | None = None
    blake2s: str | None = None
    sha3_224: str | None = None
    sha224: str | None = None
    sha1: str | None = None

    def strongest(self) -> tuple[str, str] | None:
        """Return (algorithm, hex) of the strongest known digest, or None."""
        if not any(astuple(self)):
            return None
        for algorithm in BY_STRENGTH:
            value = getattr(self, algorithm)
            if value:
                return algorithm, value
        return None

    def completed_by(self, other: Digests) -> Digests:
        """Return these digests, with missing ones taken from `other`."""
        mine, theirs = astuple(self), astuple(other)
        return Digests(*[own or given for own, given in zip(mine, theirs, strict=True)])


COMPUTED = ("sha256", "blake2b_256", "md5")
# sha256 comes first, because states and pages use it.
BY_STRENGTH = (
    "sha256",
    "blake2b_256",
    *(name for name in Digests.__struct_fields__ if name not in {*COMPUTED, "sha1"}),
    "sha1",
    "md5",
)
