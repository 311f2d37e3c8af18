"""Pages for people as files: `browse/index.html` and `browse/project/<name>/index.html`.

They are the server's own pages, rendered so that they work from a disk and from any web server. They
lie in a directory of their own because pip reads each HTML file at the top of a `--find-links`
directory, and web servers show an `index.html` there instead of the listing that installers read.

What each page was made from is remembered in `.microrepo/browse.json`, so that a run costs two looks
at the disk for a project that has not changed. Without that file all is rendered and compared.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.publish.tree.page_writer import PageWriter
from microrepo.standalone.assemble import source_digest
from microrepo.standalone.server.disk.files import signature
from microrepo.standalone.server.disk.repository import Repository
from microrepo.standalone.server.labels import file_kind, initial_of
from microrepo.standalone.server.people.front_page import render_home
from microrepo.standalone.server.people.project_page import render_project
from microrepo.standalone.server.people.views import (
    EXPORTED,
    EXPORTED_URL,
    Card,
    HomeView,
    ProjectView,
    Totals,
)
from microrepo.standalone.server.records import FileEntry, latest_version
from microrepo.stores.page_paths import START_PAGE, browse_page
from microrepo.stores.plain_files import read_plain_file

# All projects stand on one page: some 10 MB here.
PROJECTS_LIMIT = 50_000
_RECORD = "browse.json"


class BrowseReport(Struct, frozen=True):
    """What was written.

    Attributes:
        changed: projects whose pages were written or removed.
        pages: files written or removed, the start page among them.
        too_many: number of projects, where these are more than one page can list; else 0.
    """

    changed: tuple[str, ...] = ()
    pages: int = 0
    too_many: int = 0


class _Shown(Struct, frozen=True, array_like=True):
    """What the start page says of a project, and size and time of the page that told it.

    ``kinds`` are files and bytes by kind; ``newest`` the file that was uploaded last, and when, in
    seconds since the epoch, 0 when nobody knows.
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
    root: Path, control: Path, *, rebuild: bool = False, limit: int = PROJECTS_LIMIT
) -> BrowseReport:
    """Bring the pages for people in step with the static index; what is as it should be stays.

    Args:
        root: the repository, whose `simple/` is up to date.
        control: its `.microrepo`.
        rebuild: trust nothing that is remembered.
        limit: number of projects up to which there are pages.

    Raises:
        OSError: a page cannot be written; it is made good by the next run.
    """
    return _Update(root, control, rebuild=rebuild).carry_out(limit)


class _Update:
    """One pass over the pages for people."""

    def __init__(self, root: Path, control: Path, *, rebuild: bool) -> None:
        self._root = root
        self._control = control
        self._repository = Repository(str(root))
        self._writer = PageWriter(root, control / "pages")
        self._renderer = source_digest()
        record = _Record() if rebuild else _read_record(control / _RECORD)
        # Pages of another version's renderer are all rebuilt.
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
        self._writer.put(START_PAGE, _start_page(shown))
        self._writer.flush()
        for name in ended:
            before = self._writer.written
            self._writer.remove(browse_page(name))
            if self._writer.written > before:
                self._changed.append(name)
        pages = self._writer.written
        record = msgspec.json.encode(_Record(self._renderer, shown))
        self._writer.put(f"{self._control.name}/{_RECORD}", record)
        self._writer.flush()
        return BrowseReport(tuple(self._changed), pages)

    def _project(self, name: str) -> _Shown | None:
        """Write a project's page unless it stands; None for a project without a page of its own."""
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
        info = self._repository.info(page, version)
        view = ProjectView(
            url=EXPORTED_URL,
            now_s=0,
            page=page,
            info=info,
            version=version,
            known=lambda _: True,
            site=EXPORTED,
        )
        if self._writer.put(browse_page(name), render_project(view)):
            self._changed.append(name)
        return _Shown(
            size, mtime_ns, version, info.summary, _kinds(page.files), _newest(page.files)
        )

    def _folders(self) -> set[str]:
        """Return the projects that have a page here, whichever run made it."""
        if self._known:
            return set()
        return {page.parent.name for page in self._root.glob(browse_page("*"))}


def _read_record(path: Path) -> _Record:
    try:
        return msgspec.json.decode(read_plain_file(path), type=_Record)
    except (OSError, msgspec.MsgspecError):
        return _Record()


def _kinds(files: Iterable[FileEntry]) -> dict[str, tuple[int, int]]:
    kinds: dict[str, tuple[int, int]] = {}
    for entry in files:
        kind = file_kind(entry.filename)
        count, size = kinds.get(kind, (0, 0))
        kinds[kind] = (count + 1, size + (entry.size or 0))
    return kinds


def _newest(files: Iterable[FileEntry]) -> tuple[str, float]:
    newest = max(files, key=lambda entry: entry.upload_time, default=None)
    if newest is None:
        return ("", 0.0)
    uploaded_s = 0.0
    with suppress(ValueError):
        uploaded_s = datetime.fromisoformat(newest.upload_time[:19] + "+00:00").timestamp()
    return (newest.filename, uploaded_s)


def _start_page(shown: Mapping[str, _Shown]) -> bytes:
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for one in shown.values():
        for kind, (count, size) in one.kinds.items():
            counts[kind] += count
            sizes[kind] += size
    recent = sorted(
        (one.newest for one in shown.values() if one.newest[1]), key=lambda pair: (-pair[1], pair)
    )
    totals = Totals(
        projects=len(shown),
        files=sum(counts.values()),
        total_bytes=sum(sizes.values()),
        changed_s=max((one.mtime_ns for one in shown.values()), default=0) / 1e9,
        kinds=tuple((kind, counts[kind], size) for kind, size in sizes.most_common()),
        recent=tuple(recent[:200]),
    )
    view = HomeView(
        url=EXPORTED_URL,
        now_s=0,
        totals=totals,
        cards=tuple(Card(name, one.version, one.summary) for name, one in shown.items()),
        matches=len(shown),
        letters="".join(sorted({initial_of(name) for name in shown})),
        site=EXPORTED,
    )
    return render_home(view)
