"""What a mirror of a `FakeIndex` has to hold, worked out by itself, and how one differs from it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any

from packaging.version import Version

from tests.support.index import FakeIndex, IndexFile, IndexProject, normalize
from tests.support.repository import digest_of

Expected = dict[str, list[IndexFile]]
_ANCHOR = re.compile(r'<a href="([^"#]*)#sha256=([0-9a-f]{64})"')


def expected_files(index: FakeIndex, versions: int) -> Expected:
    """Return the files that a mirror of the newest releases holds, by normalised project.

    Args:
        versions: how many releases it keeps; yanked files do not count, and a release without
            others is none.
    """
    with index.lock:
        found = {name: _newest(project, versions) for name, project in index.projects.items()}
    return {name: files for name, files in found.items() if files}


def _newest(project: IndexProject, versions: int) -> list[IndexFile]:
    if project.status == "quarantined":
        return []
    by_version: dict[str, list[IndexFile]] = defaultdict(list)
    for file in project.files:
        if file.yanked is False:
            by_version[file.version].append(file)
    newest = sorted(by_version, key=Version, reverse=True)[:versions]
    return [file for version in newest for file in by_version[version]]


def differences(root: Path, index: FakeIndex, versions: int, api: str = "json") -> list[str]:
    """Return how a mirror with pages differs from what it has to be; empty when in nothing.

    Args:
        root: the repository.
        index: what it mirrors, at rest.
        versions: as in `expected_files`.
        api: what the mirror reads. The JSON API does not say whether a project is archived, the
            Simple API's pages do not say how its name is spelled.
    """
    expected = expected_files(index, versions)
    return [
        *_wrong_files(root, expected),
        *_wrong_roots(root, index, expected, api),
        *(
            f"{name}: {wrong}"
            for name, files in expected.items()
            for wrong in _wrong_pages(root, index.projects[name], files, api)
        ),
    ]


def _wrong_files(root: Path, expected: Expected) -> Iterator[str]:
    wanted: dict[str, str | None] = {"server.py": None, "last-modified": None}
    for files in expected.values():
        for file in files:
            wanted[file.filename] = file.built.sha256
            if file.built.metadata_sha256:
                wanted[f"{file.filename}.metadata"] = file.built.metadata_sha256
    found = {path.name for path in root.iterdir() if path.is_file()}
    yield from (f"{name} is missing" for name in sorted(wanted.keys() - found))
    yield from (f"{name} is too much" for name in sorted(found - wanted.keys()))
    for name in sorted(wanted.keys() & found):
        if wanted[name] is not None and digest_of(root / name) != wanted[name]:
            yield f"{name} has other content"


def _wrong_roots(root: Path, index: FakeIndex, expected: Expected, api: str) -> Iterator[str]:
    page = json.loads((root / "simple/index.v1_json").read_bytes())
    html = (root / "simple/index.html").read_text()
    wanted = sorted(
        name if api == "simple" else index.projects[name].display_name for name in expected
    )
    yield from _compared("the root", sorted(p["name"] for p in page["projects"]), wanted)
    shown = sorted(unescape(name) for name in re.findall(r"<a[^>]*>([^<]+)</a>", html))
    yield from _compared("the HTML root", shown, wanted)
    for folder, form in (("simple", "index.v1_json"), ("simple", "index.html"), ("pypi", "json")):
        having = sorted(path.parent.name for path in (root / folder).glob(f"*/{form}"))
        yield from _compared(f"pages {folder}/*/{form}", having, sorted(expected))


def _wrong_pages(
    root: Path, project: IndexProject, files: list[IndexFile], api: str
) -> Iterator[str]:
    try:
        page = json.loads((root / "simple" / project.name / "index.v1_json").read_bytes())
        html = (root / "simple" / project.name / "index.html").read_text()
        document = json.loads((root / "pypi" / project.name / "json").read_bytes())
    except OSError as error:
        yield str(error)
        return
    wanted = {file.filename: _facts(file) for file in files}
    yield from _compared("page", _by_name(page["files"], _page_facts), wanted)
    linked = {unescape(href).rpartition("/")[2]: sha for href, sha in _ANCHOR.findall(html)}
    yield from _compared("HTML page", linked, {name: f["sha256"] for name, f in wanted.items()})
    status = page.get("project-status", {}).get("status", "active")
    if api == "simple":
        yield from _compared("status", status, project.status)
    else:
        yield from _compared("name", document["info"]["name"], project.display_name)
    listed = [entry for release in document["releases"].values() for entry in release]
    yield from _compared("document", _by_name(listed, _document_facts), wanted)
    yield from _compared("normalised name", normalize(page["name"]), project.name)


def _by_name(entries: list[dict[str, Any]], facts: Any) -> dict[str, Any]:
    return {entry["filename"]: facts(entry) for entry in entries}


def _facts(file: IndexFile) -> dict[str, Any]:
    return {
        "sha256": file.built.sha256,
        "size": file.size,
        "requires_python": file.requires_python,
        "yanked": False,
    }


def _page_facts(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sha256": entry["hashes"].get("sha256"),
        "size": entry["size"],
        "requires_python": entry.get("requires-python"),
        "yanked": entry.get("yanked", False),
    }


def _document_facts(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "sha256": entry["digests"].get("sha256"),
        "size": entry["size"],
        "requires_python": entry["requires_python"],
        "yanked": entry["yanked"],
    }


def _compared(what: str, found: object, wanted: object) -> Iterator[str]:
    if found != wanted:
        yield f"{what}: {str(found)[:300]} instead of {str(wanted)[:300]}"
