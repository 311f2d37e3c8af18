"""Renderer of the pages of one project. Pure.

`server` renders the index pages; the document is for mirrors of this repository. Links are
relative, so that the tree can be moved.
"""

from __future__ import annotations

from msgspec import Struct

from microrepo.model import File
from microrepo.publish.project.project_contents import BASE, Contents
from microrepo.publish.project.project_document import render_document
from microrepo.standalone.server.index_pages import render_project_html, render_project_json
from microrepo.standalone.server.records import FileEntry, ProjectPage, sort_files


class Pages(Struct, frozen=True, gc=False):
    """The rendered pages of one project."""

    html: bytes
    json: bytes
    document: bytes


def entry_of(file: File) -> FileEntry:
    """Return a file in the form that `server` renders."""
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
        provenance=file.provenance or "",
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
        html=render_project_html(page, BASE),
        json=render_project_json(page, BASE),
        document=render_document(contents, page, serial),
    )
