"""Lines of a manifest for many entries at a time, the bytes that `entry_line` returns for each."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from microrepo.operations.switch.switch_plan import Entry
from microrepo.standalone.importer.manifest_entries import (
    ManifestFile,
    ManifestProject,
    entry_line,
)

# Characters for which JSON has more than one spelling; `entry_line` decides about these.
_AMBIGUOUS = (b"\\", b"\x7f")


class _ProjectLine(Struct, gc=False, omit_defaults=True):
    """The keys of a project, in the order of their names."""

    name: str
    project: str
    serial: int | None = None
    status: str = "active"
    status_reason: str = ""


class _FileLine(Struct, gc=False, omit_defaults=True, kw_only=True):
    """The keys of a file, in the order of their names."""

    file: str
    metadata_sha256: str = ""
    owner: str = ""
    project: str
    provenance_sha256: str = ""
    requires_python: str = ""
    sha256: str
    size: int
    upload_time: str = ""
    version: str
    yanked: bool | str = False


_encode_lines = msgspec.json.Encoder().encode_lines


def entry_lines(entries: Sequence[Entry]) -> bytes:
    """Return the lines of entries, one after the other."""
    lines = _encode_lines([_line_of(entry) for entry in entries])
    if lines.isascii() and not any(mark in lines for mark in _AMBIGUOUS):
        return lines
    return b"".join(map(entry_line, entries))


def _line_of(entry: Entry) -> _ProjectLine | _FileLine:
    if isinstance(entry, ManifestProject):
        project, name, serial, status, reason = entry
        return _ProjectLine(name, project, serial, status, reason)
    assert isinstance(entry, ManifestFile)  # noqa: S101 - there is no third kind
    return _FileLine(
        file=entry[1],
        metadata_sha256=entry[8],
        owner=entry[9],
        project=entry[0],
        provenance_sha256=entry[10],
        requires_python=entry[6],
        sha256=entry[4],
        size=entry[3],
        upload_time=entry[5],
        version=entry[2],
        yanked=entry[7],
    )
