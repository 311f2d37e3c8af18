"""Single values that indexes send, checked: digests, sizes, serials."""

from __future__ import annotations

import re

import msgspec

# What decoding JSON raises: not JSON or another type, no UTF-8, nested too deeply.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_HEX = re.compile(r"[0-9a-fA-F]+").fullmatch
_HEX_LENGTHS = {"sha256": 64, "blake2b_256": 64, "md5": 32}
# JSON's numbers are exact up to here (RFC 8259, section 6); SQLite's reach further.
_LARGEST = 2**53


def checked_digest(algorithm: str, value: str | None) -> str | None:
    """Return a digest in lower-case hex, None for a missing or impossible one."""
    if not value or len(value) != _HEX_LENGTHS.get(algorithm, 0):
        return None
    return value.lower() if _HEX(value) else None


def checked_size(size_bytes: int | None) -> int | None:
    """Return an announced size.

    Raises:
        ValueError: no file can have it.
    """
    if size_bytes is None or 0 <= size_bytes <= _LARGEST:
        return size_bytes
    if size_bytes < 0:
        raise ValueError(f"negative size {size_bytes}")
    raise ValueError("a size beyond all bounds")


def checked_serial(serial: int | str | None) -> int | None:
    """Return a serial, None for a missing or impossible one; bandersnatch writes it as text."""
    if isinstance(serial, str):
        return parse_serial(serial)
    return serial if serial is not None and 0 <= serial <= _LARGEST else None


def parse_serial(text: str | None) -> int | None:
    """Read a serial from a header or a comment, None for a missing or impossible one."""
    if not text or len(text) > 16 or not (text.isascii() and text.isdigit()):
        return None
    return checked_serial(int(text))
