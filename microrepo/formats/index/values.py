"""Single values that indexes send, checked: digests, sizes, serials; lenient decoding of records."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeVar

import msgspec

from microrepo.errors import MalformedResponse
from microrepo.model import Digests

_T = TypeVar("_T")
NO_DIGESTS = Digests()
# What separates the elements of JSON.
JSON_MARKS = b",[{"
# What decoding JSON raises: not JSON or another type, no UTF-8, nested too deeply.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_HEX = re.compile(r"[0-9a-fA-F]+").fullmatch
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_HEX_LENGTHS = {
    "sha256": 64,
    "blake2b_256": 64,
    "md5": 32,
    "sha512": 128,
    "sha384": 96,
    "sha3_512": 128,
    "sha3_384": 96,
    "sha3_256": 64,
    "blake2b": 128,
    "blake2s": 64,
    "sha3_224": 56,
    "sha224": 56,
    "sha1": 40,
}
LARGEST_FILE = 1 << 38
"""256 GB: no index takes files of a hundredth of it."""
# JSON's numbers are exact up to here (RFC 8259, section 6); SQLite's reach further.
_LARGEST = 2**53
Serial = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]


def checked_digest(algorithm: str, value: str | None) -> str | None:
    """Return a digest in lower-case hex, None for a missing or impossible one."""
    if not value or len(value) != _HEX_LENGTHS.get(algorithm, 0):
        return None
    return value.lower() if _HEX(value) else None


def without_half_pairs(body: bytes) -> bytes:
    """Return JSON whose escapes of single surrogates, which no decoder takes, are U+FFFD instead."""
    return _ESCAPE.sub(lambda match: b"\\ufffd" if match[1] else match[0], body)


def announced_digests(values: object, filename: str) -> Digests:
    """Return the digests that stand in a table of algorithms; unknown algorithms are left out.

    Raises:
        ValueError: only impossible ones stand there, so that nothing could be verified.
    """
    if not isinstance(values, dict):
        return NO_DIGESTS
    found: dict[str, str] = {}
    wrong = ""
    for name, value in values.items():
        algorithm = name if name in _HEX_LENGTHS else str(name).lower().replace("-", "_")
        length = _HEX_LENGTHS.get(algorithm)
        if length is None or not isinstance(value, str):
            continue
        if len(value) == length and _HEX(value):
            found[algorithm] = value.lower()
        else:
            wrong = f"{filename[:80]!r}: {value[:80]!r} is not a digest of {algorithm}"
    if wrong and not found:
        raise ValueError(wrong)
    return Digests(**found)


def is_yanked(value: object) -> bool:
    """Return whether a `yanked` value of any type yanks: an empty reason does, null does not."""
    return value not in {None, False}


def decode_leniently(
    body: bytes | msgspec.Raw, kind: type[_T], name: str = "", what: str = ""
) -> _T:
    """Return a JSON object as a record; an optional value of an unexpected type is unknown.

    Args:
        name: what messages call the body, "" to let errors pass as they are.
        what: what is said of one that cannot be read.

    Raises:
        msgspec.ValidationError: a value without a default is missing or of another type.
        MalformedResponse: the same, where there is a `name`.
    """
    try:
        loose = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        return kind(**_readable_values(loose, kind))
    except UNREADABLE as error:
        if not name:
            raise
        raise MalformedResponse(name, f"{what} ({error})") from error


def _readable_values(loose: dict[str, msgspec.Raw], kind: type) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for about in msgspec.structs.fields(kind):
        raw = loose.get(about.encode_name)
        if raw is None and not about.required:
            continue
        try:
            values[about.name] = msgspec.json.decode(raw or b"null", type=about.type)
        except msgspec.ValidationError:
            if about.required:
                raise
    return values


def checked_size(size_bytes: int | None) -> int | None:
    """Return an announced size, None for a missing or impossible one.

    Raises:
        ValueError: it is beyond any real file's, and would make the plan look too large.
    """
    if size_bytes is None or size_bytes < 0:
        return None
    if size_bytes > LARGEST_FILE:
        raise ValueError(
            f"its announced size, {size_bytes:.3g} bytes, is too large for any real file"
        )
    return size_bytes


def checked_provenance(url: str | None) -> str | None:
    """Return the address of attestations; None for one that is not absolute (PEP 740) or not of the web.

    A page must not make this program read files of the machine that it runs on.
    """
    return url if url and url.startswith(("https://", "http://")) else None


def parse_number(text: str | None) -> int | None:
    """Return a number of digits, None for anything else."""
    if not text or len(text) > 18 or not (text.isascii() and text.isdigit()):
        return None
    return int(text)


def checked_serial(serial: int | str | None) -> int | None:
    """Return a serial, None for a missing or impossible one; bandersnatch writes it as text."""
    if isinstance(serial, str):
        return parse_serial(serial)
    return serial if serial is not None and 0 <= serial <= _LARGEST else None


def parse_serial(text: str | None) -> int | None:
    """Read a serial from a header or a comment, None for a missing or impossible one."""
    return checked_serial(parse_number(text))
