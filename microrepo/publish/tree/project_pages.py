"""The pages of one project, from what the state holds of it: pure.

The index pages are rendered by `server`; the project's document (PyPI's JSON API) is for mirrors
that mirror us. Links lead relative into the flat directory, so that the tree can be moved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import quote

import msgspec
from msgspec import Struct, field

from microrepo.formats.distribution.filenames import package_type_of, python_label
from microrepo.model import File, Info, NormalizedName, Project, Vulnerability
from microrepo.publish.links import Links
from microrepo.standalone.server.disk.files import rfc3339
from microrepo.standalone.server.index_pages import render_project_html, render_project_json
from microrepo.standalone.server.names import parse_filename
from microrepo.standalone.server.records import FileEntry, ProjectPage, latest_version, sort_files
from microrepo.state import FileRow

# From pypi/<project>/json and from simple/<project>/ to the flat directory.
_BASE = "../../"
_encode_json = msgspec.json.Encoder().encode
_encode_facts = msgspec.msgpack.Encoder().encode


class Contents(Struct, frozen=True, gc=False):
    """What the pages of one project shall say.

    Attributes:
        files: those that lie in the flat directory, with their sidecars' digests.
        serial: of the source's record; None when it gives none.
        info: what the source says of the project, for its document.
    """

    name: NormalizedName
    display_name: str
    files: tuple[File, ...]
    status: str = "active"
    status_reason: str | None = None
    serial: int | None = None
    info: Info = Info()
    vulnerabilities: tuple[Vulnerability, ...] = ()

    def digest(self) -> bytes:
        """Return a digest of all that the pages say, the serial left out."""
        facts = (
            self.display_name,
            self.files,
            self.status,
            self.status_reason,
            self.info,
            self.vulnerabilities,
        )
        return hashlib.blake2b(_encode_facts(facts), digest_size=16).digest()


class Pages(Struct, frozen=True, gc=False):
    """The rendered pages of one project."""

    html: bytes
    json: bytes
    document: bytes


def held_file(row: FileRow, listed: File | None, metadata_sha256: str | None, links: Links) -> File:
    """Return the record of a file in the flat directory.

    Args:
        row: what the state knows of it.
        listed: what the source says of it, None when it no longer lists the file.
        metadata_sha256: digest of its sidecar, None without one.
        links: where pages lead to.
    """
    if listed is None:
        listed = unlisted_file(row)
    digests = row.digests if row.digests.sha256 else row.digests.completed_by(listed.digests)
    return msgspec.structs.replace(
        listed,
        url=links.kept(row.filename),
        version=row.version or listed.version,
        size=row.size,
        digests=digests,
        core_metadata=metadata_sha256 is not None,
        core_metadata_sha256=metadata_sha256,
        # An attestation's address must be absolute, and ours are not.
        provenance=None,
    )


def listed_file(row: FileRow, listed: File, links: Links) -> File:
    """Return the record of a file that stays elsewhere.

    A metadata file is spoken of where the source says that there is one: at the source.
    """
    return msgspec.structs.replace(
        listed,
        url=links.url_of(row),
        version=row.version or listed.version,
        size=row.size,
        digests=listed.digests.completed_by(row.digests),
        core_metadata=links.at_source and listed.core_metadata,
        core_metadata_sha256=listed.core_metadata_sha256 if links.at_source else None,
        provenance=None,
    )


def unlisted_file(row: FileRow) -> File:
    """Return the record of a file of which only the state knows."""
    parsed = parse_filename(row.filename)
    return File(
        filename=row.filename,
        url="",
        version=row.version or (parsed.version if parsed else ""),
        package_type=package_type_of(row.filename) or "unknown",
        upload_time=rfc3339(row.mtime_ns),
        python_version=python_label(row.filename),
    )


def entry_of(file: File) -> FileEntry:
    """Return a file as `server` renders it."""
    hashes = {}
    if file.digests.sha256:
        hashes = {"sha256": file.digests.sha256}
    elif file.digests.md5:
        hashes = {"md5": file.digests.md5}
    metadata = file.core_metadata_sha256
    return FileEntry(
        filename=file.filename,
        url=file.url,
        hashes=hashes,
        size=file.size,
        upload_time=file.upload_time or "",
        requires_python=file.requires_python or "",
        yanked=(file.yanked_reason or True) if file.yanked else False,
        core_metadata={"sha256": metadata} if metadata else file.core_metadata,
        version=file.version,
    )


def render(contents: Contents, serial: int) -> Pages:
    """Render all pages of a project that has files."""
    page = ProjectPage(
        name=contents.name,
        files=tuple(sort_files(entry_of(file) for file in contents.files)),
        status=contents.status,
        status_reason=contents.status_reason or "",
        serial=serial,
    )
    return Pages(
        html=render_project_html(page, _BASE),
        json=render_project_json(page, _BASE),
        document=_render_document(contents, page, serial),
    )


# --- the project's document -----------------------------------------------------------------------


class _Entry(Struct, gc=False):
    filename: str
    url: str
    packagetype: str
    python_version: str
    size: int | None
    digests: dict[str, str]
    md5_digest: str | None
    requires_python: str | None
    upload_time: str | None
    upload_time_iso_8601: str | None
    yanked: bool
    yanked_reason: str | None
    core_metadata: dict[str, str] | bool = field(name="core-metadata")
    has_sig: bool = False
    comment_text: str = ""
    downloads: int = -1


class _Status(Struct, omit_defaults=True, gc=False):
    status: str
    reason: str | None = None


class _Info(Struct, gc=False):
    name: str
    version: str
    summary: str | None
    author: str | None
    author_email: str | None
    maintainer: str | None
    maintainer_email: str | None
    license: str | None
    license_expression: str | None
    classifiers: tuple[str, ...]
    keywords: str | None
    home_page: str | None
    project_urls: dict[str, str] | None
    requires_python: str | None
    yanked: bool
    yanked_reason: str | None
    requires_dist: None = None
    description: None = None


class _Document(Struct, gc=False):
    info: _Info
    last_serial: int
    releases: dict[str, list[_Entry]]
    urls: list[_Entry]
    vulnerabilities: tuple[Vulnerability, ...]
    project_status: _Status = field(name="project-status")


def _render_document(contents: Contents, page: ProjectPage, serial: int) -> bytes:
    by_name = {file.filename: file for file in contents.files}
    releases: dict[str, list[_Entry]] = {}
    for entry in page.files:
        releases.setdefault(entry.release, []).append(_to_entry(by_name[entry.filename]))
    version = latest_version(page)
    urls = releases.get(version, [])
    document = _Document(
        info=_to_info(contents, version, urls),
        last_serial=serial,
        releases=releases,
        urls=urls,
        # PyPI speaks of its newest release here.
        vulnerabilities=contents.vulnerabilities if contents.info.version == version else (),
        project_status=_Status(contents.status, contents.status_reason),
    )
    return _encode_json(document)


def _to_entry(file: File) -> _Entry:
    digests = file.digests
    found = {"blake2b_256": digests.blake2b_256, "md5": digests.md5, "sha256": digests.sha256}
    metadata = file.core_metadata_sha256
    return _Entry(
        filename=file.filename,
        url=file.url or _BASE + quote(file.filename, safe=""),
        packagetype=file.package_type,
        python_version=file.python_version or python_label(file.filename),
        size=file.size,
        digests={name: value for name, value in found.items() if value},
        md5_digest=digests.md5,
        requires_python=file.requires_python,
        upload_time=file.upload_time[:19] if file.upload_time else None,
        upload_time_iso_8601=file.upload_time,
        yanked=file.yanked,
        yanked_reason=file.yanked_reason,
        core_metadata={"sha256": metadata} if metadata else file.core_metadata,
    )


def _to_info(contents: Contents, version: str, entries: list[_Entry]) -> _Info:
    info = contents.info
    newest = info.version == version
    entry = entries[0] if entries else None
    return _Info(
        name=contents.display_name,
        version=version,
        summary=info.summary,
        author=info.author,
        author_email=info.author_email,
        maintainer=info.maintainer,
        maintainer_email=info.maintainer_email,
        license=info.license,
        license_expression=info.license_expression,
        classifiers=info.classifiers,
        keywords=info.keywords,
        home_page=info.home_page,
        project_urls=info.project_urls,
        requires_python=info.requires_python if newest or entry is None else entry.requires_python,
        yanked=entry is not None and entry.yanked,
        yanked_reason=entry.yanked_reason if entry else None,
    )


def contents_of(
    name: NormalizedName,
    display_name: str,
    files: tuple[File, ...],
    record: Project | None,
    serial: int | None,
) -> Contents:
    """Return what the pages of a project shall say, given the source's record if there is one."""
    if record is None:
        return Contents(name, display_name, files, serial=serial)
    return Contents(
        name,
        display_name,
        files,
        record.status,
        record.status_reason,
        serial,
        record.info,
        record.vulnerabilities,
    )


def by_filename(record: Project | None) -> Mapping[str, File]:
    """Return the files of a source's record by name."""
    return {file.filename: file for file in record.files} if record else {}
