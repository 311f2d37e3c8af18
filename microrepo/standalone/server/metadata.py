"""Project metadata: read METADATA, PKG-INFO and PyPI's JSON document for people's pages."""

from __future__ import annotations

import json
from typing import NamedTuple

MAX_METADATA_BYTES = 1 << 20


class ProjectInfo(NamedTuple):
    """Facts about a project for people; every text is as written by its author.

    ``publishers`` are those that the attestations of a release name.
    """

    summary: str = ""
    description: str = ""
    license: str = ""
    author: str = ""
    requires: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    publishers: tuple[str, ...] = ()


def parse_core_metadata(document: bytes) -> dict[str, list[str]]:
    """Return the fields of METADATA or PKG-INFO by lower-case name, the body as description.

    Lenient: lines that are not fields are skipped, bytes that are not UTF-8 are replaced.
    """
    head, _, body = document.decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")
    found: dict[str, list[list[str]]] = {}
    lines: list[str] = []
    for line in head.split("\n"):
        if line[:1] in {" ", "\t"} and lines:
            text = line.strip()
            lines.append(text[1:] if text[:1] == "|" else text)
            continue
        name, colon, value = line.partition(":")
        if colon:
            lines = [value.strip()]
            found.setdefault(name.strip().lower(), []).append(lines)
    # Joined at the end only: a hostile file has a million lines.
    fields = {name: ["\n".join(value) for value in values] for name, values in found.items()}
    if body.strip():
        fields["description"] = [body]
    return fields


def info_from_core_metadata(document: bytes) -> ProjectInfo:
    """Return a project's facts from METADATA or PKG-INFO."""
    fields = parse_core_metadata(document)

    def first(*names: str) -> str:
        return next((fields[name][0] for name in names if fields.get(name, [""])[0]), "")

    links = [("Homepage", first("home-page"))] if first("home-page") else []
    for line in fields.get("project-url", ()):
        label, _, url = line.partition(",")
        links.append((label.strip(), url.strip()))
    return ProjectInfo(
        first("summary"),
        first("description"),
        _short(first("license-expression", "license")),
        first("author", "author-email", "maintainer", "maintainer-email"),
        tuple(fields.get("requires-dist", ())),
        tuple(links),
    )


def info_from_document(document: bytes) -> ProjectInfo:
    """Return a project's facts from its ``pypi/<project>/json`` document.

    Raises:
        ValueError: it is not such a document.
    """
    data = json.loads(document.decode("utf-8"))
    info = data.get("info") if isinstance(data, dict) else None
    if not isinstance(info, dict):
        raise ValueError("no info in the document")  # noqa: TRY004  # the data, not the caller

    def first(*names: str) -> str:
        return next((str(info[name]) for name in names if info.get(name)), "")

    urls = info.get("project_urls")
    links = [(str(label), str(url)) for label, url in urls.items()] if urls else []
    return ProjectInfo(
        first("summary"),
        first("description")[:MAX_METADATA_BYTES],
        _short(first("license_expression", "license")),
        first("author", "author_email", "maintainer", "maintainer_email"),
        tuple(str(requirement) for requirement in info.get("requires_dist") or ()),
        tuple(links),
    )


def _short(text: str) -> str:
    # Old projects paste the whole licence into this field.
    return text.strip().split("\n", 1)[0][:120]
