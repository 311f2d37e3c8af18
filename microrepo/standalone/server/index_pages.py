"""Index pages: render and read Simple API 1.4 in HTML and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from microrepo.standalone.server.labels import escape, html_bytes
from microrepo.standalone.server.names import normalize_name
from microrepo.standalone.server.records import (
    FileEntry,
    ProjectPage,
    RootPage,
    list_versions,
    sort_files,
)

API_VERSION = "1.4"


# Files on the page of all links. About 33 MB: larger pages take too long to read for installers and
# to copy for refreshes.
LINKS_PAGE_LIMIT = 100_000


JSON_TYPE = "application/vnd.pypi.simple.v1+json"


HTML_TYPE = "application/vnd.pypi.simple.v1+html"


TEXT_TYPE = "text/html"


# The key of an object beside its file, by name (PEP 740 allows only absolute URLs, PEP 691 keys of an
# index's own after an underscore).
_NAMED_PROVENANCE = "_provenance"
_PROVENANCE_MARK = b'"_provenance":true'
_PROVENANCE_NAME = re.compile(rb'"_provenance":\s*"((?:[^"\\]|\\.)*)"')


_FLAT_URL = re.compile(rb'"url":\s*"\.\./\.\./')


_FRAGMENT_HASHES = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")


def _json_bytes(document: Mapping[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def _json_meta(serial: int | None) -> dict[str, object]:
    meta: dict[str, object] = {"api-version": API_VERSION}
    if serial is not None:
        meta["_last-serial"] = serial
    return meta


def file_url(entry: FileEntry, base: str) -> str:
    """Return the link target of a file: its own address, or its quoted name below `base`."""
    return entry.url or base + quote(entry.filename, safe="")


def _json_file(entry: FileEntry, base: str) -> dict[str, object]:
    metadata = entry.core_metadata
    if not isinstance(metadata, bool):
        metadata = dict(sorted(metadata.items()))
    record: dict[str, object] = {
        "filename": entry.filename,
        "url": file_url(entry, base),
        "hashes": dict(sorted(entry.hashes.items())),
    }
    if entry.requires_python:
        record["requires-python"] = entry.requires_python
    if entry.size is not None:
        record["size"] = entry.size
    if entry.upload_time:
        record["upload-time"] = entry.upload_time
    record["yanked"] = entry.yanked
    record["core-metadata"] = metadata
    # Its older name, dist-info-metadata, is for HTML only: pip 22.3 and 23.0 end with a traceback
    # when they find digests under it in JSON (the reason for PEP 714).
    if entry.provenance:
        key = "provenance" if is_absolute(entry.provenance) else _NAMED_PROVENANCE
        record[key] = entry.provenance
    return record


def is_absolute(url: str) -> bool:
    """Return whether a URL names a server."""
    return url.startswith(("https://", "http://"))


def names_provenance(head: bytes) -> bool:
    """Return whether a page in JSON, by its first bytes, names objects beside the files."""
    return _PROVENANCE_MARK in head


def with_absolute_provenance(page: bytes, base: str) -> bytes:
    """Return a page in JSON in which objects that lie beside their files have absolute URLs.

    Args:
        base: address of the directory of the files.
    """
    return _PROVENANCE_NAME.sub(
        lambda match: b'"provenance":"%s%s"' % (base.encode("ascii"), _quoted(match.group(1))), page
    )


def with_absolute_urls(page: bytes, base: str) -> bytes:
    """Return a project's page or document in JSON with absolute URLs of its files.

    Args:
        base: address of the directory of the files.
    """
    return _FLAT_URL.sub(lambda _: b'"url":"' + base.encode(), page)


def _quoted(name: bytes) -> bytes:
    return quote(json.loads(b'"%s"' % name), safe="").encode("ascii")


def render_project_json(page: ProjectPage, base: str = "../../") -> bytes:
    """Render a project's page as JSON; `base` leads from the page to the flat directory."""
    status = {"status": page.status}
    if page.status_reason:
        status["reason"] = page.status_reason
    meta = _json_meta(page.serial)
    if any(entry.provenance and not is_absolute(entry.provenance) for entry in page.files):
        meta[_NAMED_PROVENANCE] = True
    return _json_bytes(
        {
            "meta": meta,
            "name": normalize_name(page.name),
            "project-status": status,
            "versions": list_versions(page),
            "files": [_json_file(entry, base) for entry in sort_files(page.files)],
        }
    )


def render_root_json(root: RootPage) -> bytes:
    """Render the list of all projects as JSON, by normalized name."""
    rows: list[dict[str, object]] = []
    for name, serial in sorted(root.projects, key=lambda row: normalize_name(row[0])):
        row: dict[str, object] = {"name": name}
        if serial is not None:
            row["_last-serial"] = serial
        rows.append(row)
    return _json_bytes({"meta": _json_meta(root.serial), "projects": rows})


def render_anchor(entry: FileEntry, base: str) -> str:
    """Render one file's link with its data attributes (PEP 503 and its successors)."""
    url = file_url(entry, base)
    name = next((name for name in _FRAGMENT_HASHES if name in entry.hashes), "")
    if name and "#" not in url:
        url += f"#{name}={entry.hashes[name]}"
    attributes = [("href", url)]
    if entry.requires_python:
        attributes.append(("data-requires-python", entry.requires_python))
    if entry.upload_time:
        # No PEP has it for HTML, but uv's `--exclude-newer` reads it, and nothing else on file://.
        attributes.append(("data-upload-time", entry.upload_time))
    if entry.yanked is not False:
        attributes.append(("data-yanked", "" if entry.yanked is True else entry.yanked))
    metadata = _html_metadata(entry.core_metadata)
    if metadata:
        attributes.append(("data-dist-info-metadata", metadata))
        attributes.append(("data-core-metadata", metadata))
    if is_absolute(entry.provenance):
        attributes.append(("data-provenance", entry.provenance))
    joined = " ".join(f'{key}="{escape(value)}"' for key, value in attributes)
    return f"<a {joined}>{escape(entry.filename)}</a><br />\n"


def _html_metadata(metadata: bool | Mapping[str, str]) -> str:
    if isinstance(metadata, bool):
        return "true" if metadata else ""
    name = "sha256" if "sha256" in metadata else next(iter(sorted(metadata)), "")
    return f"{name}={metadata[name]}" if name else "true"


def _html_head(title: str, extra: str = "") -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="pypi:repository-version" content="{API_VERSION}">\n{extra}'
        f"<title>{escape(title)}</title>\n</head>\n<body>\n"
    )


def _html_tail(serial: int | None) -> str:
    return "</body>\n</html>\n" + ("" if serial is None else f"<!--SERIAL {serial:d}-->\n")


def render_project_html(page: ProjectPage, base: str = "../../") -> bytes:
    """Render a project's page as HTML; `base` leads from the page to the flat directory."""
    extra = f'<meta name="pypi:project-status" content="{escape(page.status)}">\n'
    if page.status_reason:
        reason = escape(page.status_reason)
        extra += f'<meta name="pypi:project-status-reason" content="{reason}">\n'
    title = "Links for " + normalize_name(page.name)
    parts = [_html_head(title, extra), f"<h1>{escape(title)}</h1>\n"]
    parts += [render_anchor(entry, base) for entry in sort_files(page.files)]
    parts.append(_html_tail(page.serial))
    return html_bytes("".join(parts))


def render_root_html(root: RootPage) -> bytes:
    """Render the list of all projects as HTML, by normalized name."""
    parts = [_html_head("Simple index")]
    rows = sorted((normalize_name(name), name) for name, _ in root.projects)
    parts += [f'<a href="{quote(key)}/">{escape(name)}</a><br />\n' for key, name in rows]
    parts.append(_html_tail(root.serial))
    return html_bytes("".join(parts))


def iter_links_html(pages: Iterable[ProjectPage], base: str = "../") -> Iterator[bytes]:
    """Render, piece by piece, one page with every file, for ``--find-links``."""
    yield _html_head("Links to all files").encode("utf-8")
    for page in pages:
        anchors = "".join(render_anchor(entry, base) for entry in sort_files(page.files))
        yield html_bytes(anchors)
    yield _html_tail(None).encode("utf-8")


def render_links_html(pages: Iterable[ProjectPage], base: str = "../") -> bytes:
    """Render one page with every file, for ``--find-links``; `base` as in `iter_links_html`."""
    return b"".join(iter_links_html(pages, base))


def parse_project_json(document: bytes) -> ProjectPage:
    """Return the project page of a JSON page.

    Raises:
        ValueError: it is not such a page.
    """
    try:
        data = json.loads(document.decode("utf-8"))
        files = tuple(_parse_json_file(item) for item in data["files"])
        status = data.get("project-status", {})
        return ProjectPage(
            name=str(data["name"]),
            files=files,
            versions=tuple(str(version) for version in data.get("versions", ())),
            status=str(status.get("status", "active")),
            status_reason=str(status.get("reason", "")),
            serial=data["meta"].get("_last-serial"),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a project page: {error!r}") from error


def _parse_json_file(item: Mapping[str, Any]) -> FileEntry:
    return FileEntry(
        filename=str(item["filename"]),
        url=str(item["url"]),
        hashes=dict(item["hashes"]),
        size=item.get("size"),
        upload_time=item.get("upload-time") or "",
        requires_python=item.get("requires-python") or "",
        yanked=item.get("yanked", False),
        core_metadata=item.get("core-metadata", item.get("dist-info-metadata", False)),
        provenance=item.get("provenance") or item.get(_NAMED_PROVENANCE) or "",
    )


def parse_root_json(document: bytes) -> RootPage:
    """Return the project list of a JSON page.

    Raises:
        ValueError: it is not such a page.
    """
    try:
        data = json.loads(document.decode("utf-8"))
        rows = tuple((str(row["name"]), row.get("_last-serial")) for row in data["projects"])
        return RootPage(rows, data["meta"].get("_last-serial"))
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a list of projects: {error!r}") from error
