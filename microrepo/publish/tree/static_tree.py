"""The static tree: `simple/`, `pypi/<project>/json`, `last-modified`, and `server.py` beside it.

Order is everything: files and sidecars are in place before a page names them, the pages of projects
before the pages of all projects, and files leave the pages before they leave the directory. What is
published is written down in the state, so that a killed run is made good by the next.
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
from microrepo.publish.tree.root_pages import LINKS_LIMIT, ROOT_JSON, Listings
from microrepo.standalone.assemble import assemble, is_current
from microrepo.standalone.server.names import is_project_name
from microrepo.standalone.server.records import ProjectPage
from microrepo.state import State
from microrepo.state.change_log import ROOT_PLACE
from microrepo.state.tables.found_table import SidecarRow
from microrepo.state.tables.page_table import PageRow
from microrepo.stores.flat_directory import FlatDirectory, sidecar_name
from microrepo.stores.page_paths import index_pages


class PublishReport(Struct, frozen=True):
    """What publishing did.

    Attributes:
        projects: whose pages were rewritten.
        removed: projects whose pages went with their last file.
        pages: files written or removed, pages of all kinds.
        sidecars: metadata files that are new.
        waiting: projects whose pages were left alone because none of their files is in place.
    """

    projects: int = 0
    removed: int = 0
    pages: int = 0
    sidecars: int = 0
    waiting: tuple[str, ...] = ()


def put_server(writer: PageWriter) -> None:
    """Put a copy of the one-file server beside the tree, or bring it up to date."""
    if not is_current(writer.content("server.py")):
        writer.put("server.py", assemble().encode(), 0o777)


class _Prepared(Struct, frozen=True):
    """A batch on its way: what is to be written, and what is to be remembered once it is."""

    names: Sequence[NormalizedName]
    batch: Batch
    known: dict[str, PageRow]
    changed: Sequence[PageRow]
    fresh: Sequence[SidecarRow]
    task: PagesTask


class Publisher:
    """Keeps the static tree of one repository in step with its state.

    Args:
        directory: the flat directory.
        state: what it holds; this is its one writer.
        pool: gives the workers, when something has to be computed.
        now: the present, as a normalised time.
        with_server: keep a copy of `server.py` beside the tree.
        links: where pages lead to.
        links_limit: number of files up to which `simple/links.html` is kept.
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
        links_limit: int = LINKS_LIMIT,
    ) -> None:
        self._directory = directory
        self._state = state
        self._now = now
        self._with_server = with_server
        self._writer = PageWriter(directory.path, directory.control / "pages")
        self._listings = Listings(directory.path, state, self._writer, links_limit)
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
        """Write the pages of some projects; the pages of all projects wait for `finish`.

        Args:
            batches: the projects, a few hundred at a time; more than one batch is written by the
                workers.
            leaving: files that are about to be deleted.
            absent: files that ought to be there and are not; a project that has no others keeps
                its pages as they are.

        Raises:
            OSError: a page cannot be written; the projects remain to be published.
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
        """Write the pages of all projects, and remove the pages of projects that have ended.

        Args:
            rebuild: trust nothing that exists.

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
        """Return what was done so far."""
        return PublishReport(
            self._changed,
            self._removed,
            self._written + self._writer.written,
            self._sidecars,
            tuple(self._waiting),
        )

    def page(self, name: str) -> ProjectPage | None:
        """Return a project's page as it stands on disk."""
        return self._reader.page(name)

    def _prepare(
        self,
        names: Sequence[NormalizedName],
        leaving: Collection[str],
        absent: Collection[str],
    ) -> _Prepared:
        names = [name for name in names if is_project_name(name)]
        batch = self._reader.read(names, leaving, absent)
        known = self._state.publication.pages(names)
        rows = [self._serials.row_of(one, known.get(one.name)) for one in batch.contents]
        fresh, self._reader.sidecars.fresh = self._reader.sidecars.fresh, []
        self._batches += 1
        task = PagesTask(
            str(self._directory.path),
            str(self._directory.control / "pages" / f"batch-{self._batches}"),
            tuple((one, row.serial) for one, row in zip(batch.contents, rows, strict=True)),
            tuple(sidecar_name(row.filename) for row in fresh if row.sha256 is not None),
        )
        changed = [row for row in rows if row != known.get(row.name)]
        return _Prepared(names, batch, known, changed, fresh, task)

    def _record(self, done: _Prepared, outcome: PagesOutcome) -> None:
        publication = self._state.publication
        self._changed += outcome.projects
        self._written += outcome.pages
        self._sidecars += len(done.task.sidecars)
        paged = {name for name, row in done.known.items() if row.files}
        self._waiting.update(dict.fromkeys(n for n in done.batch.waiting if n in paged))
        folders = self._directory.place("simple")
        ending = [n for n in done.batch.ended if n in paged or (folders / n).is_dir()]
        strangers = [PageRow(n, n, 0, b"", 0) for n in ending if n not in done.known]
        with self._state.transaction():
            publication.save_sidecars(done.fresh)
            publication.save_pages([*done.changed, *strangers])
            publication.retire(ending)
            publication.clear(done.names)
            self._serials.save()
