"""PyPI's JSON API: the document of one project to a `Project`.

The API is described in PyPI's developer documentation ("JSON API"). Documents are read leniently:
one malformed entry costs that file, unknown keys are ignored, and the key `releases`, deprecated
upstream, may be missing.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field
from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import DOCUMENT, Bound, at_most, check_size
from microrepo.formats.index.document_entries import (
    RawFile,
    RawInfo,
    RawVulnerability,
    to_file,
    to_info,
    to_vulnerabilities,
)
from microrepo.formats.index.index_records import ProjectStatus
from microrepo.formats.index.values import (
    JSON_MARKS,
    UNREADABLE,
    checked_serial,
    decode_leniently,
    without_half_pairs,
)
from microrepo.model import Project, Vulnerability


class _Document(Struct):
    info: RawInfo
    releases: dict[str, list[RawFile]] | None = None
    last_serial: int | None = None
    vulnerabilities: list[RawVulnerability] | None = None
    project_status: ProjectStatus | None = field(default=None, name="project-status")


class _Advisories(Struct):
    vulnerabilities: list[RawVulnerability] | None = None


class _LooseDocument(Struct):
    info: msgspec.Raw = msgspec.Raw()
    releases: msgspec.Raw = msgspec.Raw()
    last_serial: msgspec.Raw = msgspec.Raw()
    vulnerabilities: msgspec.Raw = msgspec.Raw()
    project_status: msgspec.Raw = field(default=msgspec.Raw(), name="project-status")


_decode_document = msgspec.json.Decoder(_Document).decode
_decode_advisories = msgspec.json.Decoder(_Advisories).decode
_decode_loose = msgspec.json.Decoder(_LooseDocument).decode
_decode_releases = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_decode_entries = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Parsed(Struct, frozen=True):
    """A document that was read; `has_files` is False when it lacked the `releases` key."""

    project: Project
    has_files: bool


def parse_document(
    body: bytes,
    name: str,
    header_serial: int | None = None,
    base_url: str = "",
    bound: Bound = DOCUMENT,
) -> Parsed:
    """Read the document of one project.

    Args:
        name: the requested project; a document of another project is refused.
        header_serial: value of the ``X-PyPI-Last-Serial`` header, which takes precedence over the
            body's.
        base_url: where the document came from; mirrors link to their files relative to it.
        bound: what it may cost.

    Raises:
        MalformedResponse: no JSON, no project document, or another project's document.
    """
    check_size(body, bound, name, JSON_MARKS)
    try:
        document = _decode_document(body)
        rejected: list[str] = []
    except UNREADABLE:
        document, rejected = _salvage(without_half_pairs(body), name, bound)
    normalized = canonicalize_name(name)
    display_name = document.info.name or name
    if canonicalize_name(display_name) != normalized:
        raise MalformedResponse(name, f"the answer is about another project, {display_name[:80]!r}")
    files = []
    listed = ((version, file) for version, of in (document.releases or {}).items() for file in of)
    silent = True
    for version, entry in at_most(listed, bound, name):
        silent = silent and entry.requires_python is msgspec.UNSET
        try:
            files.append(to_file(entry, version, base_url))
        except ValueError as error:
            rejected.append(f"{entry.filename[:80]!r}: {error}")
    serial = header_serial if header_serial is not None else document.last_serial
    status = document.project_status or ProjectStatus()
    project = Project(
        name=normalized,
        display_name=display_name,
        serial=checked_serial(serial),
        status=status.status,
        status_reason=status.reason,
        files=tuple(files),
        versions=tuple(document.releases or ()),
        info=to_info(document.info),
        vulnerabilities=to_vulnerabilities(document.vulnerabilities),
        rejected=tuple(rejected),
        silent_on_python=bool(files) and silent,
        silent_on_status=document.project_status is None,
        silent_on_provenance=True,
    )
    return Parsed(project, document.releases is not None)


def parse_vulnerabilities(
    body: bytes, name: str, bound: Bound = DOCUMENT
) -> tuple[Vulnerability, ...]:
    """Read the advisories of a project's or a release's document.

    Args:
        name: name of the project or release, for messages.
        bound: what it may cost.

    Raises:
        MalformedResponse: no JSON, or advisories that cannot be read.
    """
    check_size(body, bound, name, JSON_MARKS)
    try:
        return to_vulnerabilities(_decode_advisories(body).vulnerabilities)
    except UNREADABLE as error:
        raise MalformedResponse(name, f"its advisories cannot be read ({error})") from error


def _salvage(body: bytes, name: str, bound: Bound) -> tuple[_Document, list[str]]:
    """Read the valid parts of a document in which a value has an unexpected type."""
    rejected: list[str] = []
    try:
        loose = _decode_loose(body)
        info = msgspec.json.decode(loose.info or b"null")
        releases = _decode_releases(loose.releases or b"null")
    except msgspec.ValidationError as error:
        raise MalformedResponse(name, f"not a project document ({error})") from error
    except UNREADABLE as error:
        raise MalformedResponse(name, f"the answer is not JSON ({error})") from error
    if not isinstance(info, dict):
        raise MalformedResponse(name, "not a project document (no `info`)")
    document = _Document(
        info=decode_leniently(loose.info, RawInfo),
        releases=None if releases is None else _readable_releases(releases, name, rejected, bound),
        last_serial=_readable(loose.last_serial, int),
        vulnerabilities=_readable(loose.vulnerabilities, list[RawVulnerability]),
        project_status=_readable(loose.project_status, ProjectStatus),
    )
    return document, rejected


def _readable_releases(
    releases: dict[str, msgspec.Raw], name: str, rejected: list[str], bound: Bound
) -> dict[str, list[RawFile]]:
    kept: dict[str, list[RawFile]] = {}
    entries: list[tuple[str, msgspec.Raw]] = []
    for version, raw in at_most(releases.items(), bound, name):
        kept[version] = []
        try:
            entries.extend((version, entry) for entry in _decode_entries(raw))
        except UNREADABLE as error:
            rejected.append(f"the files of {version[:80]!r}: {error}")
    for version, entry in at_most(entries, bound, name):
        try:
            kept[version].append(decode_leniently(entry, RawFile))
        except UNREADABLE as error:
            rejected.append(f"a file of {version[:80]!r}: {error}")
    return kept


def _readable(raw: msgspec.Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNREADABLE:
        return None
