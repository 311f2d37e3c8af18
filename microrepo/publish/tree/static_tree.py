"""Publisher of the static tree: `simple/`, `pypi/<project>/json`, `last-modified`, `server.py`.

The order matters: files and sidecars are in place before a page lists them, the pages of projects
come before the pages of all projects, and files are deleted from the pages before they are deleted
from the directory. The state records what is published, so that a run completes what a killed run
began.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor
from itertools import chain

from msgspec import Struct

from microrepo.model import NormalizedName
from microrepo.publish.links import BESIDE, Links
from microrepo.publish.project.page_contents import Batch, ContentsReader
from microrepo.publish.tree.page_batches import (
    PagesOutcome,
    PagesTask,
    write_in_workers,
    write_pages,
)
from microrepo.publish.tree.page_serials import PageSerials
from microrepo.publish.tree.page_writer import PageWriter
from microrepo.publish.tree.root_pages import ROOT_JSON, Listings
from microrepo.standalone.assemble import assemble, is_current
from microrepo.standalone.server.index_pages import LINKS_PAGE_LIMIT
from microrepo.standalone.server.names import is_project_name
from microrepo.standalone.server.records import ProjectPage
from microrepo.state import State
from microrepo.state.change_log import ROOT_PLACE
from microrepo.state.tables.found_table import SidecarRow
from microrepo.state.tables.page_table import PageRow
from microrepo.stores.flat_directory import FlatDirectory, sidecar_name
from microrepo.stores.page_paths import document_folder, index_pages, page_folder


class PublishReport(Struct, frozen=True):
    """Result of publishing.

    Attributes:
        projects: projects with rewritten pages.
        removed: projects whose pages were deleted with their last file.
        pages: files written or deleted, pages of all kinds.
        sidecars: new metadata files.
        waiting: projects whose pages were kept because none of their files is in place.
    """

    projects: int = 0
    removed: int = 0
    pages: int = 0
    sidecars: int = 0
    waiting: tuple[str, ...] = ()


def put_server(writer: PageWriter) -> None:
    """Write or update a copy of the one-file server beside the tree."""
    if not is_current(writer.content("server.py")):
        writer.put("server.py", assemble().encode(), 0o777)


class _Prepared(Struct, frozen=True):
    """A prepared batch: pages to write, and rows to store afterwards."""

    names: Sequence[NormalizedName]
    batch: Batch
    known: dict[str, PageRow]
    changed: Sequence[PageRow]
    fresh: Sequence[SidecarRow]
    task: PagesTask


class Publisher:
    """Updates the static tree of a repository from its state.

    Args:
        state: state of the repository; the publisher is its writer.
        pool: returns the workers, if something must be computed.
        with_server: write `server.py` beside the tree.
        links_limit: maximum number of files for `simple/links.html`.
    """

    def __init__(
        self,
        directory: FlatDirectory,
        state: State,
        pool: Callable[[], Executor],
        *,
        now: str,
        with_server: bool = True,
        links: Links = BESIDE,
        links_limit: int = LINKS_PAGE_LIMIT,
    ) -> None:
        self._directory = directory
        self._state = state
        self._now = now
        self._with_server = with_server
        self._writer = PageWriter(directory.pages, directory.control / "pages")
        self._listings = Listings(directory.pages, state, self._writer, links_limit)
        self._reader = ContentsReader(directory, state, pool, links)
        self._serials = PageSerials(directory, state, self._reader.page)
        self._pool = pool
        self._batches = self._changed = self._written = self._removed = self._sidecars = 0
        self._waiting: dict[str, None] = {}

    def publish(
        self,
        batches: Iterable[Sequence[NormalizedName]],
        *,
        leaving: Collection[str] = (),
        absent: Collection[str] = (),
    ) -> None:
        """Write the pages of some projects; `finish` writes those of all projects.

        Args:
            batches: the projects, in batches of a few hundred; workers write them if there are
                several.
            leaving: files about to be deleted.
            absent: recorded files that are missing; a project without other files keeps its pages.

        Raises:
            OSError: a page cannot be written; the projects stay marked for publication.
        """
        prepared = (self._prepare(names, leaving, absent) for names in batches)
        first, second = next(prepared, None), next(prepared, None)
        if first is None:
            return
        if second is None:
            self._record(first, write_pages(first.task))
            return
        several = chain((first, second), prepared)
        for done, outcome in write_in_workers(self._pool(), several, lambda one: one.task):
            self._record(done, outcome)

    def finish(self, *, rebuild: bool = False) -> None:
        """Write the pages of all projects, and delete the pages of ended projects.

        Args:
            rebuild: ignore existing pages.

        Raises:
            OSError: a page cannot be written.
        """
        publication = self._state.publication
        retired = publication.retired()
        if retired:
            self._serials.step()
        if publication.has_pages() or not self._directory.place(ROOT_JSON).exists():
            self._listings.update(self._serials.newest, rebuild=rebuild)
        for name in retired:
            for path in index_pages(name):
                self._writer.remove(path)
        self._removed += len(retired)
        if self._with_server:
            put_server(self._writer)
        if self._written or self._writer.written:
            self._writer.put("last-modified", f"{self._now[:19].replace('-', '')}\n".encode())
        self._writer.flush()
        with self._state.transaction():
            publication.bury(retired)
            if self._writer.written:
                self._state.changes.note(self._state.changes.last_run(), ROOT_PLACE)
            self._serials.save()

    def report(self) -> PublishReport:
        """Return the results so far."""
        return PublishReport(
            self._changed,
            self._removed,
            self._written + self._writer.written,
            self._sidecars,
            tuple(self._waiting),
        )

    def page(self, name: str) -> ProjectPage | None:
        """Return a project's page from disk."""
        return self._reader.page(name)

    def _prepare(
        self, names: Sequence[NormalizedName], leaving: Collection[str], absent: Collection[str]
    ) -> _Prepared:
        names = [name for name in names if is_project_name(name)]
        batch = self._reader.read(names, leaving, absent)
        known = self._state.publication.pages(names)
        rows = [self._serials.row_of(one, known.get(one.name)) for one in batch.contents]
        fresh, self._reader.sidecars.fresh = self._reader.sidecars.fresh, []
        self._batches += 1
        task = PagesTask(
            str(self._directory.pages),
            str(self._directory.control / "pages" / f"batch-{self._batches}"),
            tuple((one, row.serial) for one, row in zip(batch.contents, rows, strict=True)),
            tuple(
                str(self._directory.file(sidecar_name(row.filename)))
                for row in fresh
                if row.sha256 is not None
            ),
        )
        changed = [row for row in rows if row != known.get(row.name)]
        return _Prepared(names, batch, known, changed, fresh, task)

    def _has_folder(self, name: str) -> bool:
        """Return whether there are pages, whatever the state says, as after a kill."""
        folders = (page_folder(name), document_folder(name))
        return any(self._directory.place(folder).is_dir() for folder in folders)

    def _record(self, done: _Prepared, outcome: PagesOutcome) -> None:
        publication = self._state.publication
        self._changed += outcome.projects
        self._written += outcome.pages
        self._sidecars += len(done.task.sidecars)
        paged = {name for name, row in done.known.items() if row.files}
        self._waiting.update(dict.fromkeys(n for n in done.batch.waiting if n in paged))
        ending = [n for n in done.batch.ended if n in paged or self._has_folder(n)]
        strangers = [PageRow(n, n, 0, b"", 0) for n in ending if n not in done.known]
        with self._state.transaction():
            publication.save_sidecars(done.fresh)
            publication.save_pages([*done.changed, *strangers])
            publication.retire(ending)
            publication.clear(done.names)
            self._serials.save()
