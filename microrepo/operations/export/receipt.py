"""Receipt: what a repository behind the gap holds, for an export of exactly what it lacks."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.errors import ConfigError

_FORMAT = 1
_KIND = "microrepo-receipt"
_DIGEST_BYTES = 32
# Digests of 20 million files.
_MAX_BYTES = 1 << 30


class Receipt(Struct, frozen=True, kw_only=True):
    """What a repository holds, and which bundle it imported last.

    Attributes:
        origin: identifies the exporting repository; "" before the first import.
        snapshot: id of the imported snapshot; "" before the first import.
        sequence: number of the imported bundle.
        made_at: time, UTC.
        held: SHA-256 digests of the held files, sorted and joined, in base 64.
        failures: what could not be imported, for people.
        advisories: SHA-256 of the kept archive of advisories; "" without one.
    """

    kind: str = _KIND
    format: int = _FORMAT
    origin: str = ""
    snapshot: str = ""
    sequence: int = 0
    made_at: str = ""
    held: str = ""
    failures: tuple[str, ...] = ()
    advisories: str = ""

    def digests(self) -> set[str]:
        """Return the digests of the held files, in hexadecimal digits."""
        joined = base64.b64decode(self.held)
        return {
            joined[start : start + _DIGEST_BYTES].hex()
            for start in range(0, len(joined), _DIGEST_BYTES)
        }


def join_digests(digests: Iterable[str]) -> str:
    """Return SHA-256 digests in the form of `Receipt.held`."""
    joined = b"".join(map(bytes.fromhex, sorted(set(digests))))
    return base64.b64encode(joined).decode("ascii")


def read_receipt(path: Path) -> Receipt:
    """Return the receipt in a file.

    Raises:
        ConfigError: the file cannot be read, or is not a receipt.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ConfigError(f"{path}: too large for a receipt")
        receipt = msgspec.json.decode(content, type=Receipt)
        joined = base64.b64decode(receipt.held, validate=True)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise ConfigError(f"{path}: not a receipt of microrepo, or damaged") from None
    if receipt.kind != _KIND or len(joined) % _DIGEST_BYTES:
        raise ConfigError(f"{path}: not a receipt of microrepo, or damaged")
    if receipt.format != _FORMAT:
        raise ConfigError(
            f"{path}: has format {receipt.format}, this microrepo reads format {_FORMAT}; upgrade it"
        )
    return receipt
