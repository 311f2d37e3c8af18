"""The Simple API in JSON (PEP 691, 700, 714, 740, 792): pages to records."""

from __future__ import annotations

import msgspec
from msgspec import Struct, field
from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import (
    DOCUMENT,
    PROJECT_LIST,
    Bound,
    at_most,
    check_entries,
    check_size,
)
from microrepo.formats.distribution.filenames import guess_release, package_type_of
from microrepo.formats.index.index_records import (
    PageRecord,
    ProjectStatus,
    Root,
    absolute_link,
    check_api_version,
)
from microrepo.formats.index.values import (
    JSON_MARKS,
    UNREADABLE,
    Serial,
    announced_digests,
    checked_digest,
    checked_provenance,
    checked_serial,
    checked_size,
    decode_leniently,
    is_yanked,
    without_half_pairs,
)
from microrepo.formats.times import normalize_time
from microrepo.model import File, NormalizedName, Project


class _Meta(Struct):
    api_version: str = field(default="1.0", name="api-version")
    last_serial: int | str | None = field(default=None, name="_last-serial")


class _PageFile(Struct):
    filename: str
    url: str
    hashes: dict[str, str | None] | None = None
    requires_python: str | msgspec.UnsetType | None = field(
        default=msgspec.UNSET, name="requires-python"
    )
    size: int | None = None
    upload_time: str | None = field(default=None, name="upload-time")
    yanked: bool | str | int | None = False
    core_metadata: bool | dict[str, str | None] | None = field(default=None, name="core-metadata")
    dist_info_metadata: bool | dict[str, str | None] | None = field(
        default=None, name="dist-info-metadata"
    )
    provenance: str | None = None


class _Page(Struct):
    files: list[msgspec.Raw]
    meta: _Meta = field(default_factory=_Meta)
    name: str | None = None
    versions: list[str] | None = None
    project_status: ProjectStatus | None = field(default=None, name="project-status")


class _RecordPage(Struct):
    """The part of a page that a project's document lacks; the files are not decoded."""

    files: msgspec.Raw
    name: str | None = None
    project_status: ProjectStatus | None = field(default=None, name="project-status")


class _RootEntry(Struct, gc=False):
    name: str
    last_serial: int | str | None = field(default=None, name="_last-serial")


class _Root(Struct):
    projects: list[_RootEntry]
    meta: _Meta = field(default_factory=_Meta)


class _PlainRootEntry(Struct, gc=False):
    """An entry as PyPI writes it: nothing of it has to be checked again."""

    name: str
    last_serial: Serial | None = field(default=None, name="_last-serial")


class _PlainRoot(Struct):
    projects: list[_PlainRootEntry]
    meta: _Meta = field(default_factory=_Meta)


class _LooseRoot(Struct):
    projects: list[msgspec.Raw]
    meta: _Meta = field(default_factory=_Meta)


_decode_page_record = msgspec.json.Decoder(_RecordPage).decode
_decode_page = msgspec.json.Decoder(_Page).decode
_decode_file = msgspec.json.Decoder(_PageFile).decode
_decode_plain_root = msgspec.json.Decoder(_PlainRoot).decode
_decode_root = msgspec.json.Decoder(_Root).decode
_decode_loose_root = msgspec.json.Decoder(_LooseRoot).decode
_decode_root_entry = msgspec.json.Decoder(_RootEntry).decode


def root_from_json(body: bytes, url: str) -> Root:
    """Return the list of all projects; an entry that cannot be read costs that project."""
    check_size(body, PROJECT_LIST, url, JSON_MARKS)
    try:
        plain = _decode_plain_root(body)
    except UNREADABLE:
        return _root_with_checks(body, url)
    check_api_version(plain.meta.api_version, url)
    check_entries(len(plain.projects), PROJECT_LIST, url)
    projects = {one.name: one.last_serial for one in plain.projects}
    return Root(projects, checked_serial(plain.meta.last_serial))


def _root_with_checks(body: bytes, url: str) -> Root:
    """Return a list whose serials are text, or impossible, or some of whose entries are broken."""
    try:
        root = _decode_root(body)
        meta, entries, unreadable = root.meta, root.projects, 0
    except UNREADABLE:
        meta, entries, unreadable = _salvage_root(body, url)
    check_api_version(meta.api_version, url)
    named = at_most(entries, PROJECT_LIST, url)
    projects = {one.name: checked_serial(one.last_serial) for one in named}
    return Root(projects, checked_serial(meta.last_serial), unreadable)


def _salvage_root(body: bytes, url: str) -> tuple[_Meta, list[_RootEntry], int]:
    try:
        loose = _decode_loose_root(without_half_pairs(body))
    except UNREADABLE as error:
        raise MalformedResponse(url, f"not an index root ({error})") from error
    entries = []
    for raw in at_most(loose.projects, PROJECT_LIST, url):
        try:
            entry = _decode_root_entry(raw)
        except UNREADABLE:
            continue
        if "\ufffd" not in entry.name:
            entries.append(entry)
    if loose.projects and not entries:
        raise MalformedResponse(url, "not an index root (no entry names a project)")
    return loose.meta, entries, len(loose.projects) - len(entries)


def project_from_json(
    body: bytes, url: str, name: str, header_serial: int | None, bound: Bound = DOCUMENT
) -> Project:
    """Return the record of a project's page; an entry that cannot be read costs that file."""
    check_size(body, bound, url, JSON_MARKS)
    try:
        page = _decode_page(body)
    except UNREADABLE:
        page = decode_leniently(without_half_pairs(body), _Page, url, "not an index page")
    check_api_version(page.meta.api_version, url)
    normalized = canonicalize_name(name)
    _check_name(page.name, name, url)
    files: list[File] = []
    rejected: list[str] = []
    silent = True
    for entry in at_most(page.files, bound, url):
        try:
            raw = _read_file(entry)
            silent = silent and raw.requires_python is msgspec.UNSET
            files.append(_to_file(raw, url, normalized))
        except (*UNREADABLE, ValueError) as error:
            rejected.append(f"a file entry: {error}")
    status = page.project_status or ProjectStatus()
    return Project(
        name=normalized,
        display_name=page.name or name,
        serial=checked_serial(
            header_serial if header_serial is not None else page.meta.last_serial
        ),
        status=status.status,
        status_reason=status.reason,
        files=tuple(files),
        versions=tuple(page.versions or dict.fromkeys(file.version for file in files)),
        rejected=tuple(rejected),
        silent_on_python=silent and bool(files),
    )


def page_record_from_json(body: bytes, url: str, name: str, bound: Bound = DOCUMENT) -> PageRecord:
    """Return what a project's page lists that its document lacks."""
    check_size(body, bound, url, JSON_MARKS)
    try:
        page = _decode_page_record(body)
    except UNREADABLE as error:
        raise MalformedResponse(url, f"not an index page ({error})") from error
    _check_name(page.name, name, url)
    status = page.project_status or ProjectStatus()
    return PageRecord(status.status, status.reason)


def _check_name(found: str | None, expected: str, url: str) -> None:
    """Raise MalformedResponse for the page of another project."""
    if found is not None and canonicalize_name(found) != canonicalize_name(expected):
        raise MalformedResponse(url, f"the page is about another project, {found[:80]!r}")


def _read_file(entry: msgspec.Raw) -> _PageFile:
    try:
        return _decode_file(entry)
    except msgspec.ValidationError:
        return decode_leniently(entry, _PageFile)


def _to_file(raw: _PageFile, base_url: str, project: NormalizedName) -> File:
    metadata = raw.core_metadata if raw.core_metadata is not None else raw.dist_info_metadata
    return File(
        filename=raw.filename,
        url=absolute_link(base_url, base_url, raw.url),
        version=guess_release(raw.filename, project) or "unknown",
        package_type=package_type_of(raw.filename) or "unknown",
        digests=announced_digests(raw.hashes, raw.filename),
        size=checked_size(raw.size),
        requires_python=raw.requires_python or None,
        upload_time=normalize_time(raw.upload_time),
        yanked=is_yanked(raw.yanked),
        yanked_reason=raw.yanked if isinstance(raw.yanked, str) and raw.yanked else None,
        core_metadata=bool(metadata),
        core_metadata_sha256=(
            checked_digest("sha256", metadata.get("sha256")) if isinstance(metadata, dict) else None
        ),
        provenance=checked_provenance(raw.provenance),
    )
