"""The Simple API, JSON (PEP 691, 700, 714, 792) and HTML (PEP 503, 592, 629): pages to records."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import msgspec
from msgspec import Struct, field
from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.filenames import guess_release, package_type_of
from microrepo.formats.index.values import (
    UNREADABLE,
    checked_digest,
    checked_serial,
    checked_size,
    parse_serial,
)
from microrepo.formats.times import normalize_time
from microrepo.model import Digests, File, NormalizedName, Project

ACCEPT = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
)
_NEWEST_MAJOR = "1"
_SERIAL_COMMENT = re.compile(r"SERIAL\s+(\d+)")


class _Meta(Struct):
    api_version: str = field(default="1.0", name="api-version")
    last_serial: int | str | None = field(default=None, name="_last-serial")


class _RawFile(Struct):
    filename: str
    url: str
    hashes: dict[str, str] = {}
    requires_python: str | None = field(default=None, name="requires-python")
    size: int | None = None
    upload_time: str | None = field(default=None, name="upload-time")
    yanked: bool | str = False
    core_metadata: bool | dict[str, str] | None = field(default=None, name="core-metadata")
    dist_info_metadata: bool | dict[str, str] | None = field(
        default=None, name="dist-info-metadata"
    )
    provenance: str | None = None


class _Status(Struct):
    status: str = "active"
    reason: str | None = None


class _Page(Struct):
    files: list[msgspec.Raw]
    meta: _Meta = field(default_factory=_Meta)
    name: str | None = None
    versions: list[str] | None = None
    project_status: _Status | None = field(default=None, name="project-status")


class _RootEntry(Struct, gc=False):
    name: str
    last_serial: int | str | None = field(default=None, name="_last-serial")


class _Root(Struct):
    projects: list[_RootEntry]
    meta: _Meta = field(default_factory=_Meta)


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_file = msgspec.json.Decoder(_RawFile).decode
_decode_root = msgspec.json.Decoder(_Root).decode


class Root(Struct, frozen=True):
    """The list of all projects: (name as displayed, serial or None) each, and the list's serial."""

    projects: list[tuple[str, int | None]]
    serial: int | None = None


def is_json(content_type: str) -> bool:
    """Tell a JSON page from an HTML one by its Content-Type."""
    return content_type.partition(";")[0].strip().lower().endswith("json")


def parse_root(body: bytes, content_type: str, url: str) -> Root:
    """Read the root page of an index.

    Raises:
        MalformedResponse: the page cannot be read.
    """
    if is_json(content_type):
        try:
            root = _decode_root(body)
        except UNREADABLE as error:
            raise MalformedResponse(url, f"not an index root ({error})") from error
        _check_api_version(root.meta.api_version, url)
        return Root(
            [(entry.name, checked_serial(entry.last_serial)) for entry in root.projects],
            checked_serial(root.meta.last_serial),
        )
    page = _parse_html(body, url)
    names = [name for anchor in page.anchors if (name := _listed_name(anchor))]
    return Root([(name, None) for name in names], page.serial)


def _listed_name(anchor: _Anchor) -> str | None:
    """Return the project that a link of a root page stands for (PEP 503: its text is the name).

    None for any other link: when an index is down, a page for people may stand in for it.
    """
    linked = _name_in(anchor.href)
    name = (anchor.text or linked).rstrip("/")
    same = canonicalize_name(name) == canonicalize_name(linked)
    return name if same and linked.strip(".") else None


def parse_project(
    body: bytes,
    content_type: str,
    url: str,
    name: str,
    header_serial: int | None = None,
) -> Project:
    """Read the page of one project; relative links are resolved against `url`.

    Raises:
        MalformedResponse: the page cannot be read, or is of a newer major API version.
    """
    if is_json(content_type):
        return _project_from_json(body, url, name, header_serial)
    return _project_from_html(body, url, name, header_serial)


def _project_from_json(body: bytes, url: str, name: str, header_serial: int | None) -> Project:
    try:
        page = _decode_page(body)
    except UNREADABLE as error:
        raise MalformedResponse(url, f"not an index page ({error})") from error
    _check_api_version(page.meta.api_version, url)
    normalized = canonicalize_name(name)
    if page.name is not None and canonicalize_name(page.name) != normalized:
        raise MalformedResponse(url, f"the page is about another project, {page.name!r}")
    files: list[File] = []
    rejected: list[str] = []
    for entry in page.files:
        try:
            files.append(_to_file(_decode_file(entry), url, normalized))
        except (*UNREADABLE, ValueError) as error:
            rejected.append(f"a file entry: {error}")
    status = page.project_status or _Status()
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
    )


def _to_file(raw: _RawFile, base_url: str, project: NormalizedName) -> File:
    metadata = raw.core_metadata if raw.core_metadata is not None else raw.dist_info_metadata
    return File(
        filename=raw.filename,
        url=_absolute(base_url, base_url, raw.url),
        version=guess_release(raw.filename, project) or "unknown",
        package_type=package_type_of(raw.filename) or "unknown",
        digests=_digests(raw.hashes),
        size=checked_size(raw.size),
        requires_python=raw.requires_python or None,
        upload_time=normalize_time(raw.upload_time),
        yanked=raw.yanked is not False,
        yanked_reason=raw.yanked if isinstance(raw.yanked, str) and raw.yanked else None,
        core_metadata=bool(metadata),
        core_metadata_sha256=(
            checked_digest("sha256", metadata.get("sha256")) if isinstance(metadata, dict) else None
        ),
        provenance=raw.provenance,
    )


def _digests(hashes: dict[str, str]) -> Digests:
    return Digests(
        sha256=checked_digest("sha256", hashes.get("sha256")),
        blake2b_256=checked_digest("blake2b_256", hashes.get("blake2b_256")),
        md5=checked_digest("md5", hashes.get("md5")),
    )


def _absolute(page_url: str, base_url: str, link: str) -> str:
    """Resolve a link against the page's base, which the page itself may have chosen."""
    url = urljoin(base_url, link)
    scheme = urlsplit(url).scheme
    if scheme not in {"http", "https", "file"}:
        raise ValueError(f"link is not http(s): {link[:80]!r}")
    if scheme == "file" and urlsplit(page_url).scheme != "file":
        raise ValueError(f"a web page may not link to local files: {link[:80]!r}")
    return url


def _check_api_version(version: str, url: str) -> None:
    if version.partition(".")[0] != _NEWEST_MAJOR:
        raise MalformedResponse(url, f"Simple API version {version} is newer than this program")


class _Anchor(Struct):
    href: str
    attributes: dict[str, str | None]
    text: str = ""


class _LinkParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.anchors: list[_Anchor] = []
        self.meta: dict[str, str] = {}
        self.serial: int | None = None
        self.base: str | None = None
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a" and attributes.get("href"):
            self.anchors.append(_Anchor(attributes["href"] or "", attributes))
            self._open = True
        elif tag == "meta" and attributes.get("name"):
            self.meta[attributes["name"] or ""] = attributes.get("content") or ""
        elif tag == "base" and attributes.get("href"):
            self.base = attributes["href"]

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._open = False

    def handle_data(self, data: str) -> None:
        if self._open:
            self.anchors[-1].text += data.strip()

    def handle_comment(self, data: str) -> None:
        match = _SERIAL_COMMENT.search(data)
        if match:
            self.serial = parse_serial(match.group(1))


def _parse_html(body: bytes, url: str) -> _LinkParser:
    parser = _LinkParser()
    try:
        parser.feed(body.decode("utf-8", errors="replace"))
        parser.close()
    except AssertionError as error:  # html.parser's way to give up on a broken declaration
        raise MalformedResponse(url, f"not an HTML page ({error})") from error
    if not parser.anchors and b"<" not in body:
        raise MalformedResponse(url, "neither a JSON nor an HTML index page")
    _check_api_version(parser.meta.get("pypi:repository-version", "1.0"), url)
    return parser


def _project_from_html(body: bytes, url: str, name: str, header_serial: int | None) -> Project:
    page = _parse_html(body, url)
    normalized = canonicalize_name(name)
    files: list[File] = []
    rejected: list[str] = []
    for anchor in page.anchors:
        try:
            base = urljoin(url, page.base) if page.base else url
            link = _absolute(url, base, anchor.href)
            files.append(_file_from_anchor(anchor, link, normalized))
        except ValueError as error:
            rejected.append(f"a link: {error}")
    if not _is_index_page(page):
        # Taken for one it would say that the project has no files any more.
        raise MalformedResponse(url, "the page lists no files and does not say it is an index page")
    return Project(
        name=normalized,
        display_name=name,
        serial=header_serial if header_serial is not None else page.serial,
        status=page.meta.get("pypi:project-status", "active"),
        status_reason=page.meta.get("pypi:project-status-reason"),
        files=tuple(files),
        versions=tuple(dict.fromkeys(file.version for file in files)),
        rejected=tuple(rejected),
    )


def _is_index_page(page: _LinkParser) -> bool:
    """Tell a project's page from the pages for people that stand in when an index is down."""
    says_so = any(key.startswith("pypi:") for key in page.meta)
    return says_so or any(
        package_type_of(anchor.text or _name_in(anchor.href)) for anchor in page.anchors
    )


def _file_from_anchor(anchor: _Anchor, target: str, project: NormalizedName) -> File:
    link, fragment = urldefrag(target)
    algorithm, _, value = fragment.partition("=")
    filename = anchor.text or _name_in(link)
    metadata = anchor.attributes.get("data-core-metadata")
    if metadata is None:
        metadata = anchor.attributes.get("data-dist-info-metadata")
    yanked = "data-yanked" in anchor.attributes
    return File(
        filename=filename,
        url=link,
        version=guess_release(filename, project) or "unknown",
        package_type=package_type_of(filename) or "unknown",
        digests=_digests({algorithm: value}),
        requires_python=anchor.attributes.get("data-requires-python") or None,
        yanked=yanked,
        yanked_reason=(anchor.attributes.get("data-yanked") or None) if yanked else None,
        core_metadata=metadata is not None and metadata != "false",
        core_metadata_sha256=checked_digest("sha256", (metadata or "").partition("=")[2]),
        provenance=anchor.attributes.get("data-provenance"),
    )


def _name_in(href: str) -> str:
    return unquote(urlsplit(href).path.rstrip("/").rpartition("/")[2])
