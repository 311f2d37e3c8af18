"""Documents of projects in the form of PyPI's JSON API: the bytes that microrepo writes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from urllib.parse import quote

from microrepo.standalone.server.names import SUFFIX_TYPES, parse_filename, split_suffix
from microrepo.standalone.server.records import FileEntry, ProjectPage, latest_version

_BASE = "../../"


def render_project_document(page: ProjectPage, display_name: str) -> bytes:
    """Return the document of a project, without metadata of its newest release.

    Args:
        page: its page; the files are in the order of the page.
        display_name: its name, as its owner spells it.
    """
    releases: dict[str, list[dict[str, object]]] = {}
    for entry in page.files:
        releases.setdefault(entry.release, []).append(_document_file(entry))
    version = latest_version(page)
    newest = releases.get(version, [])
    status: dict[str, object] = {"status": page.status}
    if page.status_reason:
        status["reason"] = page.status_reason
    document = {
        "info": _document_info(display_name, version, newest),
        "last_serial": page.serial,
        "releases": releases,
        "urls": newest,
        "vulnerabilities": [],
        "project-status": status,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _document_file(entry: FileEntry) -> dict[str, object]:
    metadata = entry.core_metadata
    hashes = entry.hashes
    is_yanked = entry.yanked is not False
    return {
        "filename": entry.filename,
        "url": entry.url or _BASE + quote(entry.filename, safe=""),
        "packagetype": SUFFIX_TYPES.get(split_suffix(entry.filename)[1], "unknown"),
        "python_version": _python_version(entry.filename),
        "size": entry.size,
        "digests": {
            name: hashes[name] for name in ("blake2b_256", "md5", "sha256") if hashes.get(name)
        },
        "md5_digest": hashes.get("md5") or None,
        "requires_python": entry.requires_python or None,
        "upload_time": entry.upload_time[:19] or None,
        "upload_time_iso_8601": entry.upload_time or None,
        "yanked": is_yanked,
        "yanked_reason": entry.yanked if isinstance(entry.yanked, str) else None,
        "core-metadata": metadata if isinstance(metadata, bool) else dict(metadata),
        "has_sig": False,
        "comment_text": "",
        "downloads": -1,
    }


def _document_info(
    display_name: str, version: str, newest: Iterable[dict[str, object]]
) -> dict[str, object]:
    first = next(iter(newest), None) or {}
    unknown = (
        "summary",
        "author",
        "author_email",
        "maintainer",
        "maintainer_email",
        "license",
        "license_expression",
    )
    return {
        "name": display_name,
        "version": version,
        **dict.fromkeys(unknown),
        "classifiers": [],
        "keywords": None,
        "home_page": None,
        "project_urls": None,
        "requires_python": first.get("requires_python"),
        "yanked": first.get("yanked", False),
        "yanked_reason": first.get("yanked_reason"),
        "requires_dist": None,
        "description": None,
    }


def _python_version(filename: str) -> str:
    """Return PyPI's `python_version` of a file: tags of a wheel, the Python of an egg, or source."""
    found = parse_filename(filename)
    if found is not None and found.kind == "wheel":
        return ".".join(found.pythons)
    if SUFFIX_TYPES.get(split_suffix(filename)[1]) == "sdist":
        return "source"
    tag = found.pythons[0] if found is not None and found.kind == "egg" and found.pythons else ""
    return tag[2:] if tag.startswith("py") and tag[2:3].isdigit() else "any"
