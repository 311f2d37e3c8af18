"""Render what a PyPI-like server sends: JSON documents, Simple pages and the Simple root."""

from __future__ import annotations

import html
import json
import random
from collections.abc import Iterable

from benchmarks.corpus import BASE_URL, FileRecord, Project, Release

WORDS = (
    "the package reads files writes tables from into with without parser stream "
    "project release version index mirror python example install usage options returns value "
    "`code` **note** see also changes fixed added tests pass fail when before after every other"
)


def make_text(seed: str, size: int) -> str:
    """Return about `size` characters of Markdown-like text."""
    rng = random.Random(f"text:{seed}")
    size = int(size * rng.uniform(0.1, 1.9))
    words = WORDS.split()
    paragraphs = []
    length = 0
    while length < size:
        paragraph = " ".join(rng.choices(words, k=rng.randrange(30, 90)))
        paragraphs.append(("## " if rng.random() < 0.2 else "") + paragraph)
        length += len(paragraph) + 2
    return "\n\n".join(paragraphs)


def render_document(project: Project) -> bytes:
    """Render the JSON document of a project, with the keys that PyPI sends."""
    latest = project.latest()
    document = {
        "info": _info(project, latest),
        "last_serial": project.serial,
        "ownership": {"organization": None, "roles": [{"role": "Owner", "user": "someone"}]},
        "releases": {
            release.version: [_file_entry(f, release) for f in release.files]
            for release in project.releases
        },
        "urls": [_file_entry(f, latest) for f in latest.files] if latest else [],
        "vulnerabilities": [],
    }
    return json.dumps(document, separators=(",", ":")).encode()


def _info(project: Project, latest: Release | None) -> dict[str, object]:
    page = f"{BASE_URL}/project/{project.name}/"
    info: dict[str, object] = dict.fromkeys(
        ("author", "bugtrack_url", "docs_url", "download_url", "dynamic", "home_page", "keywords",
         "license_expression", "license_files", "maintainer", "maintainer_email", "platform",
         "provides_extra", "requires_dist", "yanked_reason")
    )  # fmt: skip
    return info | {
        "author_email": "Someone <someone@author.example>",
        "classifiers": [
            "Development Status :: 4 - Beta",
            "License :: OSI Approved :: MIT License",
            "Programming Language :: Python :: 3",
            "Topic :: Software Development :: Libraries",
        ],
        "description": project.description,
        "description_content_type": "text/markdown",
        "downloads": {"last_day": -1, "last_month": -1, "last_week": -1},
        "license": "MIT",
        "name": project.display_name,
        "package_url": page,
        "project_url": page,
        "project_urls": {"Homepage": f"https://{project.name}.example/"},
        "release_url": f"{page}{latest.version}/" if latest else page,
        "requires_python": ">=3.8",
        "summary": project.summary,
        "version": latest.version if latest else "0",
        "yanked": False,
    }


def file_url(record: FileRecord) -> str:
    """Return the file's URL, below the placeholder of the server's root."""
    return f"{BASE_URL}/packages/{record.path}"


def _file_entry(record: FileRecord, release: Release) -> dict[str, object]:
    uploaded = release.uploaded
    return {
        "comment_text": None,
        "core-metadata": {"sha256": record.metadata_sha256} if record.metadata_sha256 else False,
        "digests": {
            "blake2b_256": record.blake2b,
            "md5": record.md5,
            "sha256": record.sha256,
        },
        "downloads": -1,
        "filename": record.filename,
        "has_sig": False,
        "md5_digest": record.md5,
        "packagetype": record.package_type,
        "python_version": record.python_version,
        "requires_python": ">=3.8",
        "size": record.size,
        "upload_time": uploaded.strftime("%Y-%m-%dT%H:%M:%S"),
        "upload_time_iso_8601": uploaded.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "url": file_url(record),
        "yanked": release.yanked,
        "yanked_reason": "broken" if release.yanked else None,
    }


def render_simple_json(project: Project) -> bytes:
    """Render the project's Simple page as JSON, API version 1.4."""
    files = []
    for release in project.releases:
        for record in release.files:
            metadata = {"sha256": record.metadata_sha256} if record.metadata_sha256 else False
            files.append({
                "core-metadata": metadata,
                "data-dist-info-metadata": metadata,
                "filename": record.filename,
                "hashes": {"sha256": record.sha256},
                "provenance": None,
                "requires-python": ">=3.8",
                "size": record.size,
                "upload-time": release.uploaded.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "url": file_url(record),
                "yanked": "broken" if release.yanked else False,
            })  # fmt: skip
    page = {
        "alternate-locations": [],
        "files": files,
        "meta": {"_last-serial": project.serial, "api-version": "1.4"},
        "name": project.name,
        "project-status": {"status": "active"},
        "versions": [release.version for release in project.releases],
    }
    return json.dumps(page, separators=(",", ":")).encode()


# Void elements are closed so that the page is XML too: one of the peers parses it as such.
HTML_HEAD = (
    '<!DOCTYPE html>\n<html>\n<head>\n<meta name="pypi:repository-version" content="1.4" />\n'
    "<title>{title}</title>\n</head>\n<body>\n"
)


def render_simple_html(project: Project) -> bytes:
    """Render the project's Simple page as HTML (PEP 503 with its later attributes)."""
    lines = [HTML_HEAD.format(title=f"Links for {project.name}")]
    for release in project.releases:
        for record in release.files:
            attributes = ' data-requires-python="&gt;=3.8"'
            if record.metadata_sha256:
                attributes += f' data-core-metadata="sha256={record.metadata_sha256}"'
            if release.yanked:
                attributes += ' data-yanked="broken"'
            url = f"{file_url(record)}#sha256={record.sha256}"
            lines.append(f'<a href="{html.escape(url)}"{attributes}>{record.filename}</a><br />\n')
    lines.append(f"</body>\n</html>\n<!--SERIAL {project.serial}-->\n")
    return "".join(lines).encode()


def render_root_json(names: Iterable[tuple[str, int]], last_serial: int) -> bytes:
    """Render the Simple root as JSON from (display name, serial) pairs."""
    root = {
        "meta": {"_last-serial": last_serial, "api-version": "1.4"},
        "projects": [{"_last-serial": serial, "name": name} for name, serial in names],
    }
    return json.dumps(root, separators=(",", ":")).encode()


def render_root_html(names: Iterable[tuple[str, str]], last_serial: int) -> bytes:
    """Render the Simple root as HTML from (normalised name, display name) pairs."""
    lines = [HTML_HEAD.format(title="Simple index")]
    lines += [f'<a href="/simple/{name}/">{shown}</a>\n' for name, shown in names]
    lines.append(f"</body>\n</html>\n<!--SERIAL {last_serial}-->\n")
    return "".join(lines).encode()
