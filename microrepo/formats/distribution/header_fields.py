"""Header fields of METADATA and PKG-INFO files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from microrepo.formats.bounds import METADATA, OutOfBounds, check_size

_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*:(.*)")


def metadata_fields(body: bytes) -> tuple[dict[str, list[str]], str]:
    """Return the header fields of a METADATA or PKG-INFO file, and the text after them.

    Args:
        body: the file's bytes.

    Returns:
        Values by field name in lower case, in order; the payload, which is the long description
        since Metadata 2.1.
    """
    check_size(body, METADATA, "metadata")
    text = body.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    head, _, payload = text.partition("\n\n")
    if text.startswith("\n"):  # an empty first line also ends the headers
        head, payload = "", text[1:]
    if head.count("\n") > METADATA.marks:
        raise OutOfBounds("metadata", f"has more than {METADATA.marks:,} header lines")
    headers: dict[str, list[list[str]]] = {}
    current: list[str] | None = None
    for line in head.split("\n"):
        if line[:1] in {" ", "\t"} and current is not None:
            current.append(line)
            continue
        match = _HEADER.match(line)
        current = [match[2]] if match is not None else None
        if match is not None and current is not None:
            headers.setdefault(match[1].lower(), []).append(current)
    unfolded = {
        key: [_unfolded(key, "\n".join(lines)) for lines in found] for key, found in headers.items()
    }
    return unfolded, payload


def _unfolded(key: str, value: str) -> str:
    if key == "description":
        lines = value.strip().split("\n")
        return "\n".join(re.sub(r"^ {7}\|| {8}", "", line) for line in lines)
    return " ".join(value.split())


def first_field(headers: Mapping[str, list[str]], key: str) -> str | None:
    """Return the first value of a field, None if it is empty, missing or ``UNKNOWN``."""
    values = headers.get(key)
    value = values[0] if values else ""
    return value if value and value != "UNKNOWN" else None
