"""Pages for people of a repository that has them, `browse/`, built aside from its index pages."""

from __future__ import annotations

import os
from typing import NamedTuple

from microrepo.standalone.importer.pages.tree_files import TreeFiles
from microrepo.standalone.server.disk.files import signature
from microrepo.standalone.server.disk.repository import Repository
from microrepo.standalone.server.people.exported_pages import (
    count_kinds,
    exported_project_page,
    exported_start_page,
    newest_file,
)
from microrepo.standalone.server.records import latest_version

# All projects are on one page.
MAX_BROWSE_PROJECTS = 50_000
_START_PAGE = ("browse", "index.html")


class BrowsedProject(NamedTuple):
    """Facts of a project for the start page, see `exported_pages`."""

    mtime_ns: int
    version: str
    summary: str
    kinds: dict[str, tuple[int, int]]
    newest: tuple[str, float]


def update_browse_tree(files: TreeFiles, repository: str) -> None:
    """Write the pages for people, if the repository has such pages.

    Args:
        files: the trees, with up-to-date index pages.
        repository: where the distributions are.
    """
    if not files.exists(*_START_PAGE):
        return
    index = Repository(files.path(), repository)
    names = list(index.names())
    if len(names) > MAX_BROWSE_PROJECTS:
        return
    shown = {}
    for name in names:
        found, page_file = (
            index.project(name),
            signature(files.path("simple", name, "index.v1_json")),
        )
        if found is None or page_file is None:
            continue
        page = found.page
        version = latest_version(page)
        info = index.info(page, version)
        files.put(
            exported_project_page(page, info, version), "browse", "project", name, "index.html"
        )
        kinds, newest = count_kinds(page.files), newest_file(page.files)
        shown[name] = BrowsedProject(page_file[2], version, info.summary, kinds, newest)
    files.put(exported_start_page(shown), *_START_PAGE)
    folder = files.path("browse", "project")
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        if name not in shown:
            files.remove("browse", "project", name, "index.html")
