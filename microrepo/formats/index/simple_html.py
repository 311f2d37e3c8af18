"""The Simple API in HTML (PEP 503, 592, 629, 658, 714, 792): pages to records."""

from __future__ import annotations

from urllib.parse import parse_qsl, urldefrag, urljoin

from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import DOCUMENT, PROJECT_LIST, Bound
from microrepo.formats.distribution.filenames import guess_release, package_type_of
from microrepo.formats.index.html_tags import Anchor, TaggedPage, read_tags
from microrepo.formats.index.index_records import (
    PageRecord,
    Root,
    absolute_link,
    check_api_version,
)
from microrepo.formats.index.values import (
    announced_digests,
    checked_digest,
    checked_provenance,
    checked_size,
    parse_number,
)
from microrepo.formats.times import normalize_time
from microrepo.model import File, NormalizedName, Project

_CUT_ENDS = ("..>", "...")


def root_from_html(body: bytes, url: str) -> Root:
    """Return the list of all projects."""
    page = _read(body, url, PROJECT_LIST)
    names = [name for anchor in page.anchors if (name := _listed_name(anchor))]
    return Root(dict.fromkeys(names), page.serial)


def _listed_name(anchor: Anchor) -> str | None:
    """Return the project that a link of a root page stands for (PEP 503: its text is the name).

    None for any other link: when an index is down, a page for people may stand in for it. Servers
    that list directories may cut long names short.
    """
    try:
        linked = anchor.name
    except ValueError:
        return None
    text = (anchor.text or linked).rstrip("/")
    if text.endswith(_CUT_ENDS) and len(text) > 3 and linked.startswith(text[:-3]):
        text = linked
    same = canonicalize_name(text) == canonicalize_name(linked)
    return text if same and linked.strip(".") else None


def project_from_html(
    body: bytes, url: str, name: str, header_serial: int | None, bound: Bound = DOCUMENT
) -> Project:
    """Return the record of a project's page."""
    page = _read(body, url, bound)
    normalized = canonicalize_name(name)
    files: list[File] = []
    rejected: list[str] = []
    for anchor in page.anchors:
        try:
            base = urljoin(url, page.base) if page.base else url
            files.append(_to_file(anchor, absolute_link(url, base, anchor.href), normalized))
        except ValueError as error:
            rejected.append(f"a link: {error}")
    _check_index_page(page, url)
    status, reason = _status_of(page)
    return Project(
        name=normalized,
        display_name=name,
        serial=header_serial if header_serial is not None else page.serial,
        status=status,
        status_reason=reason,
        files=tuple(files),
        versions=tuple(dict.fromkeys(file.version for file in files)),
        rejected=tuple(rejected),
        silent_on_python=not any("data-requires-python" in one.attributes for one in page.anchors),
    )


def page_record_from_html(body: bytes, url: str, bound: Bound = DOCUMENT) -> PageRecord:
    """Return what a project's page lists that its document lacks."""
    page = _read(body, url, bound)
    _check_index_page(page, url)
    return PageRecord(*_status_of(page))


def _status_of(page: TaggedPage) -> tuple[str, str | None]:
    status = page.meta.get("pypi:project-status", "active")
    return status, page.meta.get("pypi:project-status-reason")


def _read(body: bytes, url: str, bound: Bound) -> TaggedPage:
    page = read_tags(body, url, bound)
    check_api_version(page.meta.get("pypi:repository-version", "1.0"), url)
    return page


def _check_index_page(page: TaggedPage, url: str) -> None:
    """Raise MalformedResponse for pages for people, which stand in when an index is down.

    Taken for an index page one would say that the project has no files any more.
    """
    named = any(key.startswith("pypi:") for key in page.meta)
    if not (named or any(_is_distribution(anchor) for anchor in page.anchors)):
        raise MalformedResponse(url, "the page lists no files and does not say it is an index page")


def _is_distribution(anchor: Anchor) -> bool:
    try:
        return package_type_of(anchor.name) is not None
    except ValueError:
        return False


def _to_file(anchor: Anchor, target: str, project: NormalizedName) -> File:
    link, fragment = urldefrag(target)
    filename, about = anchor.name, anchor.attributes
    metadata = about.get("data-core-metadata", about.get("data-dist-info-metadata"))
    yanked = "data-yanked" in about
    return File(
        filename=filename,
        url=link,
        version=guess_release(filename, project) or "unknown",
        package_type=package_type_of(filename) or "unknown",
        digests=announced_digests(dict(parse_qsl(fragment, max_num_fields=100)), filename),
        size=checked_size(parse_number(about.get("data-size"))),
        requires_python=about.get("data-requires-python") or None,
        upload_time=normalize_time(about.get("data-upload-time")),
        yanked=yanked,
        yanked_reason=(about.get("data-yanked") or None) if yanked else None,
        core_metadata=metadata is not None and metadata != "false",
        core_metadata_sha256=checked_digest("sha256", (metadata or "").partition("=")[2]),
        provenance=checked_provenance(about.get("data-provenance")),
    )
