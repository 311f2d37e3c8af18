"""Header fields of METADATA and PKG-INFO files, read as `email.parser` reads them for installers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from microrepo.formats.bounds import METADATA, OutOfBounds, check_size

_LINE_END = re.compile(r"\r\n|\r|\n")
_HEADER = re.compile(r"([!-9;-~]*):(.*)", re.DOTALL)


def metadata_fields(body: bytes) -> tuple[dict[str, list[str]], str]:
    """Return the header fields of a METADATA or PKG-INFO file, and the text after them.

    Returns:
        Values by field name in lower case, in order; the payload, which is the long description
        since Metadata 2.1.
    """
    check_size(body, METADATA, "metadata")
    lines = _LINE_END.split(body.decode("utf-8", errors="replace"))
    headers: dict[str, list[list[str]]] = {}
    current: list[str] | None = None
    count = 0
    for count, line in enumerate(lines):
        if count > METADATA.marks:
            raise OutOfBounds("metadata", f"has more than {METADATA.marks:,} header lines")
        if line[:1] in {" ", "\t"}:
            if current is not None:
                current.append(line)
            continue
        match = _HEADER.match(line)
        if match is None and not line.startswith("From "):
            break  # the first line that is no header ends them, an empty one or another
        current = [match[2]] if match is not None and match[1] else None
        if match is not None and current is not None:
            headers.setdefault(match[1].lower(), []).append(current)
    payload = "\n".join(lines[count + (not lines[count]) :])
    unfolded = {
        key: [_unfolded(key, "\n".join(lines)) for lines in found] for key, found in headers.items()
    }
    return unfolded, payload


def _unfolded(key: str, value: str) -> str:
    if key == "description":
        lines = value.strip().split("\n")
        return "\n".join(re.sub(r"^ {7}\|| {8}", "", line) for line in lines)
    if key == "requires-dist":  # pip minds where such a line is folded
        return "\n".join(" ".join(line.split()) for line in value.strip().split("\n"))
    return " ".join(value.split())


def first_field(headers: Mapping[str, list[str]], key: str) -> str | None:
    """Return the first value of a field, None if it is empty, missing or ``UNKNOWN``."""
    values = headers.get(key)
    value = values[0] if values else ""
    return value if value and value != "UNKNOWN" else None
