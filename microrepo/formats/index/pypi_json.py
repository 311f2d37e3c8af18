"""PyPI's JSON API: the document of one project to a `Project`.

The API is described in PyPI's developer documentation ("JSON API"). Documents are read leniently:
one malformed entry costs that file, unknown keys are ignored, and the key `releases`, deprecated
upstream, may be missing.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

import msgspec
from msgspec import Struct, field
from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import DOCUMENT, at_most, check_size
from microrepo.formats.distribution.filenames import package_type_of
from microrepo.formats.index.values import (
    JSON_MARKS,
    UNREADABLE,
    announced_digests,
    checked_digest,
    checked_serial,
    checked_size,
    decode_leniently,
    is_yanked,
    without_half_pairs,
)
from microrepo.formats.times import normalize_time
from microrepo.model import File, Info, Project, Vulnerability


class _RawFile(Struct):
    filename: str
    url: str
    packagetype: str | None = None
    python_version: str | None = None
    size: int | None = None
    digests: dict[str, str | None] | None = None
    md5_digest: str | None = None
    requires_python: str | msgspec.UnsetType | None = msgspec.UNSET
    upload_time_iso_8601: str | None = None
    upload_time: str | None = None
    yanked: bool | str | int | None = False
    yanked_reason: str | None = None
    core_metadata: bool | dict[str, str | None] | None = field(default=None, name="core-metadata")


class _RawInfo(Struct):
    name: str | None = None
    version: str | None = None
    summary: str | None = None
    author: str | None = None
    author_email: str | None = None
    maintainer: str | None = None
    maintainer_email: str | None = None
    license: str | None = None
    license_expression: str | None = None
    classifiers: list[str] | None = None
    keywords: str | None = None
    home_page: str | None = None
    project_urls: dict[str, str] | None = None
    requires_python: str | None = None
    platform: str | None = None
    docs_url: str | None = None
    download_url: str | None = None
    description_content_type: str | None = None
    dynamic: list[str] | None = None
    license_files: list[str] | None = None
    provides_extra: list[str] | None = None


class _RawVulnerability(Struct):
    id: str
    aliases: list[str] | None = None
    summary: str | None = None
    fixed_in: list[str] | None = None
    link: str | None = None
    withdrawn: str | None = None


class _RawStatus(Struct):
    status: str = "active"
    reason: str | None = None


class _Document(Struct):
    info: _RawInfo
    releases: dict[str, list[_RawFile]] | None = None
    last_serial: int | None = None
    vulnerabilities: list[_RawVulnerability] | None = None
    project_status: _RawStatus | None = field(default=None, name="project-status")


class _Advisories(Struct):
    vulnerabilities: list[_RawVulnerability] | None = None


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
_decode_file = msgspec.json.Decoder(_RawFile).decode


class Parsed(Struct, frozen=True):
    """A document that was read; `has_files` is False when it lacked the `releases` key."""

    project: Project
    has_files: bool


def parse_document(
    body: bytes, name: str, header_serial: int | None = None, base_url: str = ""
) -> Parsed:
    """Read the document of one project.

    Args:
        body: the answer's bytes, JSON.
        name: the project that was asked for; a document of another project is refused.
        header_serial: value of the ``X-PyPI-Last-Serial`` header, which goes before the body's.
        base_url: where the document came from; mirrors link to their files relative to it.

    Raises:
        MalformedResponse: no JSON, no project document, or another project's document.
    """
    check_size(body, DOCUMENT, name, JSON_MARKS)
    try:
        document = _decode_document(body)
        rejected: list[str] = []
    except UNREADABLE:
        document, rejected = _salvage(without_half_pairs(body), name)
    normalized = canonicalize_name(name)
    display_name = document.info.name or name
    if canonicalize_name(display_name) != normalized:
        raise MalformedResponse(name, f"the answer is about another project, {display_name[:80]!r}")
    files = []
    listed = ((version, file) for version, of in (document.releases or {}).items() for file in of)
    silent = True
    for version, entry in at_most(listed, DOCUMENT, name):
        silent = silent and entry.requires_python is msgspec.UNSET
        try:
            files.append(_to_file(entry, version, base_url))
        except ValueError as error:
            rejected.append(f"{entry.filename[:80]!r}: {error}")
    serial = header_serial if header_serial is not None else document.last_serial
    status = document.project_status or _RawStatus()
    project = Project(
        name=normalized,
        display_name=display_name,
        serial=checked_serial(serial),
        status=status.status,
        status_reason=status.reason,
        files=tuple(files),
        versions=tuple(document.releases or ()),
        info=_to_info(document.info),
        vulnerabilities=_to_vulnerabilities(document.vulnerabilities),
        rejected=tuple(rejected),
        silent_on_python=bool(files) and silent,
    )
    return Parsed(project, document.releases is not None)


def parse_vulnerabilities(body: bytes, name: str) -> tuple[Vulnerability, ...]:
    """Read the advisories of a document, be it that of a project or of a release.

    Args:
        body: the answer's bytes, JSON.
        name: what was asked for, for messages.

    Raises:
        MalformedResponse: no JSON, or advisories that cannot be read.
    """
    check_size(body, DOCUMENT, name, JSON_MARKS)
    try:
        return _to_vulnerabilities(_decode_advisories(body).vulnerabilities)
    except UNREADABLE as error:
        raise MalformedResponse(name, f"its advisories cannot be read ({error})") from error


def _salvage(body: bytes, name: str) -> tuple[_Document, list[str]]:
    """Read what can be read of a document in which some value has an unexpected type."""
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
        info=decode_leniently(loose.info, _RawInfo),
        releases=None if releases is None else _readable_releases(releases, name, rejected),
        last_serial=_readable(loose.last_serial, int),
        vulnerabilities=_readable(loose.vulnerabilities, list[_RawVulnerability]),
        project_status=_readable(loose.project_status, _RawStatus),
    )
    return document, rejected


def _readable_releases(
    releases: dict[str, msgspec.Raw], name: str, rejected: list[str]
) -> dict[str, list[_RawFile]]:
    kept: dict[str, list[_RawFile]] = {}
    entries: list[tuple[str, msgspec.Raw]] = []
    for version, raw in at_most(releases.items(), DOCUMENT, name):
        kept[version] = []
        try:
            entries.extend((version, entry) for entry in _decode_entries(raw))
        except UNREADABLE as error:
            rejected.append(f"the files of {version[:80]!r}: {error}")
    for version, entry in at_most(entries, DOCUMENT, name):
        try:
            kept[version].append(decode_leniently(entry, _RawFile))
        except UNREADABLE as error:
            rejected.append(f"a file of {version[:80]!r}: {error}")
    return kept


def _readable(raw: msgspec.Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except UNREADABLE:
        return None


def _to_file(raw: _RawFile, version: str, base_url: str) -> File:
    size = checked_size(raw.size)
    url = raw.url
    if not url.startswith(("https://", "http://")):
        url = urljoin(base_url, url)
        if not url.startswith(("https://", "http://")):
            raise ValueError(f"URL is not http(s): {raw.url[:80]!r}")
    metadata = raw.core_metadata
    digests = raw.digests or {}
    if raw.md5_digest and not digests.get("md5"):
        digests = {**digests, "md5": raw.md5_digest}
    return File(
        filename=raw.filename,
        url=url,
        version=version,
        package_type=raw.packagetype or package_type_of(raw.filename) or "unknown",
        digests=announced_digests(digests, raw.filename),
        size=size,
        requires_python=raw.requires_python or None,
        upload_time=normalize_time(raw.upload_time_iso_8601 or raw.upload_time),
        python_version=raw.python_version,
        yanked=is_yanked(raw.yanked),
        yanked_reason=raw.yanked_reason or None,
        core_metadata=bool(metadata),
        core_metadata_sha256=(
            checked_digest("sha256", metadata.get("sha256")) if isinstance(metadata, dict) else None
        ),
    )


def _to_info(raw: _RawInfo) -> Info:
    return Info(
        version=raw.version,
        summary=raw.summary or None,
        author=raw.author or None,
        author_email=raw.author_email or None,
        maintainer=raw.maintainer or None,
        maintainer_email=raw.maintainer_email or None,
        # Some owners paste the whole text of a license here; one line is what rules look at.
        license=(raw.license or "").strip().partition("\n")[0][:200] or None,
        license_expression=raw.license_expression or None,
        classifiers=tuple(raw.classifiers or ()),
        keywords=raw.keywords or None,
        home_page=raw.home_page or None,
        project_urls=raw.project_urls or None,
        requires_python=raw.requires_python or None,
        platform=raw.platform or None,
        docs_url=raw.docs_url or None,
        download_url=raw.download_url or None,
        description_content_type=raw.description_content_type or None,
        dynamic=tuple(raw.dynamic or ()),
        license_files=tuple(raw.license_files or ()),
        provides_extra=tuple(raw.provides_extra or ()),
    )


def _to_vulnerabilities(raw: list[_RawVulnerability] | None) -> tuple[Vulnerability, ...]:
    return tuple(
        Vulnerability(
            id=entry.id,
            aliases=tuple(entry.aliases or ()),
            summary=entry.summary,
            fixed_in=tuple(entry.fixed_in or ()),
            link=entry.link,
        )
        for entry in raw or ()
        if not entry.withdrawn
    )
