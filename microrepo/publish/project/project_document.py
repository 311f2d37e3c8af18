"""Document of one project in the form of PyPI's JSON API, for mirrors of this repository. Pure."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from msgspec import Struct, field

from microrepo.formats.distribution.filenames import python_label
from microrepo.model import File, Vulnerability
from microrepo.publish.project.project_contents import BASE, Contents
from microrepo.standalone.server.records import ProjectPage, latest_version

_encode_json = msgspec.json.Encoder().encode


class _FileEntry(Struct, gc=False):
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


class _DocumentStatus(Struct, omit_defaults=True, gc=False):
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


class _ProjectDocument(Struct, gc=False):
    info: _Info
    last_serial: int
    releases: dict[str, list[_FileEntry]]
    urls: list[_FileEntry]
    vulnerabilities: tuple[Vulnerability, ...]
    project_status: _DocumentStatus = field(name="project-status")


def render_document(contents: Contents, page: ProjectPage, serial: int) -> bytes:
    """Return the document of a project, as JSON."""
    by_name = {file.filename: file for file in contents.files}
    releases: dict[str, list[_FileEntry]] = {}
    for entry in page.files:
        releases.setdefault(entry.release, []).append(_to_entry(by_name[entry.filename]))
    version = latest_version(page)
    urls = releases.get(version, [])
    document = _ProjectDocument(
        info=_to_info(contents, version, urls),
        last_serial=serial,
        releases=releases,
        urls=urls,
        # On PyPI, this is the newest release.
        vulnerabilities=contents.vulnerabilities if contents.info.version == version else (),
        project_status=_DocumentStatus(contents.status, contents.status_reason),
    )
    return _encode_json(document)


def _to_entry(file: File) -> _FileEntry:
    digests = file.digests
    found = {"blake2b_256": digests.blake2b_256, "md5": digests.md5, "sha256": digests.sha256}
    metadata = file.core_metadata_sha256
    return _FileEntry(
        filename=file.filename,
        url=file.url or BASE + quote(file.filename, safe=""),
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


def _to_info(contents: Contents, version: str, entries: list[_FileEntry]) -> _Info:
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
        classifiers=info.classifiers or (),
        keywords=info.keywords,
        home_page=info.home_page,
        project_urls=info.project_urls,
        requires_python=info.requires_python if newest or entry is None else entry.requires_python,
        yanked=entry is not None and entry.yanked,
        yanked_reason=entry.yanked_reason if entry else None,
    )
