"""Serials of pages: each change of a page gets a higher one."""

from __future__ import annotations

from collections.abc import Callable

from microrepo.errors import MalformedResponse
from microrepo.formats.index.simple_api import Root, parse_root
from microrepo.model import NormalizedName
from microrepo.publish.project.project_contents import Contents
from microrepo.publish.project.project_pages import render
from microrepo.publish.tree.root_pages import ROOT_JSON
from microrepo.standalone.server.index_pages import JSON_TYPE
from microrepo.standalone.server.names import is_project_name, normalize_name
from microrepo.standalone.server.records import ProjectPage
from microrepo.state import State
from microrepo.state.tables.page_table import PageRow
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.plain_files import read_plain_file

TREE_SERIAL = "tree_serial"


class PageSerials:
    """The serials of one repository's pages.

    Args:
        page_of: returns a project's page as it is on disk.

    Attributes:
        newest: the highest serial, that of the page of all projects.
    """

    def __init__(
        self, directory: FlatDirectory, state: State, page_of: Callable[[str], ProjectPage | None]
    ) -> None:
        self._directory = directory
        self._state = state
        self._page_of = page_of
        self.newest = self._take_over()

    def step(self) -> None:
        """Increase the newest serial for a change outside the project pages."""
        self.newest += 1

    def save(self) -> None:
        """Write the newest serial to the state."""
        self._state.set_meta(TREE_SERIAL, str(self.newest))

    def row_of(self, contents: Contents, known: PageRow | None) -> PageRow:
        """Return the row of a project's pages, with their new serial."""
        digest = contents.digest()
        serial = self._serial_for(contents, digest, known)
        self.newest = max(self.newest, serial)
        return PageRow(contents.name, contents.display_name, serial, digest, len(contents.files))

    def _serial_for(self, contents: Contents, digest: bytes, known: PageRow | None) -> int:
        """Return a serial that grows with each change, by the source or by settings.

        Mirrors of this repository check a project only if its serial has grown, and a changed
        filter changes the files at an unchanged serial of the source.
        """
        if known is not None and known.files and known.content == digest:
            return known.serial
        if known is not None and (known.content or not known.files):
            return max(contents.serial or 0, known.serial + 1)
        page = self._page_of(contents.name)
        if page is None or page.serial is None:
            return contents.serial or self.newest + 1
        if self._stands(contents, page.serial):
            return page.serial
        return max(contents.serial or 0, page.serial + 1)

    def _stands(self, contents: Contents, serial: int) -> bool:
        """Return whether the pages on disk have this content."""
        pages, root = render(contents, serial), self._directory.pages
        try:
            page = read_plain_file(root / "simple" / contents.name / "index.v1_json")
            document = read_plain_file(root / "pypi" / contents.name / "json")
        except OSError:
            return False
        return page == pages.json and document == pages.document

    def _take_over(self) -> int:
        """Return the repository's serial, from the state or the tree on disk.

        Otherwise the first run after a loss of the state would omit unchecked projects from the
        root.
        """
        text = self._state.meta(TREE_SERIAL)
        if text is not None:
            return int(text)
        root = self._directory.place(ROOT_JSON)
        try:
            listed = parse_root(read_plain_file(root), JSON_TYPE, str(root))
        except (OSError, MalformedResponse):
            listed = Root({}, 0)
        rows = []
        for display_name, serial in listed.projects.items():
            name = NormalizedName(normalize_name(display_name))
            page = self._directory.place("simple") / name / "index.v1_json"
            if is_project_name(name) and page.is_file():
                rows.append(PageRow(name, display_name, serial or 0, b"", 1))
        largest = max([listed.serial or 0, *(row.serial for row in rows)])
        with self._state.transaction():
            self._state.publication.save_pages(rows)
            self._state.set_meta(TREE_SERIAL, str(largest))
        return largest
