"""Pages for people as files: `browse/index.html` and `browse/project/<name>/index.html`.

They are the server's pages, rendered to work from a disk and from any web server. They have their
own directory because pip reads each HTML file at the top of a `--find-links` directory, and web
servers show an `index.html` there instead of the listing that installers read.

`.microrepo/browse.json` records what each page was made from, so that a run only checks two files
for an unchanged project. Without it all pages are rendered and compared.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.publish.tree.page_writer import PageWriter
from microrepo.standalone.assemble import source_digest
from microrepo.standalone.server.disk.files import signature
from microrepo.standalone.server.disk.repository import Repository
from microrepo.standalone.server.people.exported_pages import (
    count_kinds,
    exported_project_page,
    exported_start_page,
    newest_file,
)
from microrepo.standalone.server.records import latest_version
from microrepo.stores.page_paths import START_PAGE, browse_page
from microrepo.stores.plain_files import read_plain_file

# All projects are on one page: about 10 MB with this many.
PROJECTS_LIMIT = 50_000
_RECORD = "browse.json"


class BrowseReport(Struct, frozen=True):
    """Result of an update.

    Attributes:
        changed: projects whose pages were written or deleted.
        pages: files written or deleted, including the start page.
        too_many: number of projects if they are too many for one page; otherwise 0.
    """

    changed: tuple[str, ...] = ()
    pages: int = 0
    too_many: int = 0


class _Shown(Struct, frozen=True, array_like=True):
    """Entry of a project on the start page, with size and time of the page it comes from.

    ``kinds`` are files and bytes by kind; ``newest`` is the last uploaded file and its time, in
    seconds since the epoch, 0 if unknown.
    """

    size: int
    mtime_ns: int
    version: str
    summary: str
    kinds: dict[str, tuple[int, int]]
    newest: tuple[str, float]


class _Record(Struct, frozen=True):
    renderer: str = ""
    projects: dict[str, _Shown] = {}


def update_browse(
    root: Path,
    control: Path,
    *,
    files: Path | None = None,
    rebuild: bool = False,
    limit: int = PROJECTS_LIMIT,
) -> BrowseReport:
    """Update the pages for people from the static index, writing only changes.

    Args:
        root: the directory of the trees, whose `simple/` is up to date.
        control: the repository's `.microrepo`.
        files: the directory of the files; default: `root`.
        rebuild: ignore all records of earlier runs.
        limit: maximum number of projects for pages.

    Raises:
        OSError: a page cannot be written; the next run writes it.
    """
    return _Update(root, control, files or root, rebuild=rebuild).carry_out(limit)


class _Update:
    """One update of the pages for people."""

    def __init__(self, root: Path, control: Path, files: Path, *, rebuild: bool) -> None:
        self._root = root
        self._control = control
        self._repository = Repository(str(root), str(files))
        self._writer = PageWriter(root, control / "pages")
        self._renderer = source_digest()
        record = _Record() if rebuild else _read_record(control / _RECORD)
        # Pages of another renderer version are all rebuilt.
        self._known = record.projects if record.renderer == self._renderer else {}
        self._changed: list[str] = []

    def carry_out(self, limit: int) -> BrowseReport:
        names = list(self._repository.names())
        if len(names) > limit:
            return BrowseReport(too_many=len(names))
        shown = {}
        for name in names:
            one = self._project(name)
            if one is not None:
                shown[name] = one
        ended = sorted((self._known.keys() | self._folders()) - shown.keys())
        if shown == self._known and not ended and (self._root / START_PAGE).is_file():
            self._writer.flush()
            return BrowseReport(tuple(self._changed), self._writer.written)
        self._writer.flush()
        self._writer.put(START_PAGE, exported_start_page(shown))
        self._writer.flush()
        for name in ended:
            before = self._writer.written
            self._writer.remove(browse_page(name))
            if self._writer.written > before:
                self._changed.append(name)
        pages = self._writer.written
        record = msgspec.json.encode(_Record(self._renderer, shown))
        records = PageWriter(self._control, self._control / "pages")
        records.put(_RECORD, record)
        records.flush()
        return BrowseReport(tuple(self._changed), pages)

    def _project(self, name: str) -> _Shown | None:
        """Write a project's page unless it is up to date; None for a project without a page."""
        found = signature(str(self._root / "simple" / name / "index.v1_json"))
        if found is None:
            return None
        _, size, mtime_ns, _ = found
        known = self._known.get(name)
        if (
            known
            and (known.size, known.mtime_ns) == (size, mtime_ns)
            and (self._root / browse_page(name)).is_file()
        ):
            return known
        project = self._repository.project(name)
        if project is None:
            return None
        page = project.page
        version = latest_version(page)
        info = self._repository.info_with_publishers(page, version)
        if self._writer.put(browse_page(name), exported_project_page(page, info, version)):
            self._changed.append(name)
        return _Shown(
            size, mtime_ns, version, info.summary, count_kinds(page.files), newest_file(page.files)
        )

    def _folders(self) -> set[str]:
        """Return the projects with a page here, from any run."""
        if self._known:
            return set()
        return {page.parent.name for page in self._root.glob(browse_page("*"))}


def _read_record(path: Path) -> _Record:
    try:
        return msgspec.json.decode(read_plain_file(path), type=_Record)
    except (OSError, msgspec.MsgspecError):
        return _Record()
