"""The static tree: `simple/`, `pypi/<project>/json`, `last-modified`, and `server.py` beside it.

Order is everything: files and sidecars are in place before a page names them, the pages of projects
before the pages of all projects, and files leave the pages before they leave the directory. What is
published is written down in the state, so that a killed run is made good by the next.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor, Future
from itertools import chain

from msgspec import Struct

from microrepo.errors import MalformedResponse
from microrepo.formats.index.simple_api import Root, parse_root
from microrepo.model import NormalizedName, Outcome
from microrepo.publish.links import BESIDE, Links
from microrepo.publish.tree.page_batches import PagesOutcome, PagesTask, write_packed, write_pages
from microrepo.publish.tree.page_contents import Batch, ContentsReader
from microrepo.publish.tree.page_writer import PageWriter
from microrepo.publish.tree.project_pages import Contents, render
from microrepo.publish.tree.root_pages import LINKS_LIMIT, ROOT_JSON, Listings
from microrepo.standalone.assemble import assemble
from microrepo.standalone.server.index_pages import JSON_TYPE
from microrepo.standalone.server.names import is_project_name, normalize_name
from microrepo.standalone.server.records import ProjectPage
from microrepo.state import State
from microrepo.state.change_log import ROOT_PLACE
from microrepo.state.publication import PageRow, SidecarRow
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.pool.worker_pool import WorkerLost

_SERIAL = "tree_serial"
_FORMS = ("index.html", "index.v1_html", "index.v1_json")


class PublishReport(Struct, frozen=True):
    """What publishing did.

    Attributes:
        projects: whose pages were written anew.
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
        self._serial = self._take_over()
        self._pool = pool
        self._batches = 0
        self._changed = 0
        self._written = 0
        self._removed = 0
        self._sidecars = 0
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
        self._in_workers(chain((first, second), prepared))

    def _in_workers(self, batches: Iterable[_Prepared]) -> None:
        pool, window = self._pool(), 2 * (os.cpu_count() or 1)
        waiting: deque[tuple[_Prepared, Future[PagesOutcome]]] = deque()
        for batch in batches:
            if not batch.task.contents:
                self._record(batch, PagesOutcome(0, 0))
                continue
            waiting.append((batch, pool.submit(write_packed, batch.task.pack())))
            if len(waiting) > window:
                self._record_done(*waiting.popleft())
        for done, future in waiting:
            self._record_done(done, future)

    def _record_done(self, batch: _Prepared, future: Future[PagesOutcome]) -> None:
        outcome = future.result()
        if isinstance(outcome, Outcome):
            raise WorkerLost(outcome.filename, outcome.error)
        self._record(batch, outcome)

    def finish(self, *, rebuild: bool = False) -> None:
        """Write the pages of all projects, and remove the pages of projects that have ended.

        Args:
            rebuild: trust nothing that is there.

        Raises:
            OSError: a page cannot be written.
        """
        publication = self._state.publication
        retired = publication.retired()
        if retired:
            self._serial += 1
        if publication.has_pages() or not self._directory.place(ROOT_JSON).exists():
            self._listings.update(self._serial, rebuild=rebuild)
        for name in retired:
            for form in _FORMS:
                self._writer.remove(f"simple/{name}/{form}")
            self._writer.remove(f"pypi/{name}/json")
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
            self._state.set_meta(_SERIAL, str(self._serial))

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

    # --- one project --------------------------------------------------------------------------

    def _prepare(
        self,
        names: Sequence[NormalizedName],
        leaving: Collection[str],
        absent: Collection[str],
    ) -> _Prepared:
        names = [name for name in names if is_project_name(name)]
        batch = self._reader.read(names, leaving, absent)
        known = self._state.publication.pages(names)
        rows = [self._row_of(one, known.get(one.name)) for one in batch.contents]
        fresh, self._reader.sidecars.fresh = self._reader.sidecars.fresh, []
        self._batches += 1
        task = PagesTask(
            str(self._directory.path),
            str(self._directory.control / "pages" / f"batch-{self._batches}"),
            tuple((one, row.serial) for one, row in zip(batch.contents, rows, strict=True)),
            tuple(f"{row.filename}.metadata" for row in fresh if row.sha256 is not None),
        )
        changed = [row for row in rows if row != known.get(row.name)]
        return _Prepared(names, batch, known, changed, fresh, task)

    def _row_of(self, contents: Contents, known: PageRow | None) -> PageRow:
        digest = contents.digest()
        serial = self._serial_for(contents, digest, known)
        self._serial = max(self._serial, serial)
        return PageRow(contents.name, contents.display_name, serial, digest, len(contents.files))

    def _serial_for(self, contents: Contents, digest: bytes, known: PageRow | None) -> int:
        """Return a serial that grows with each change, whether it came from the source or from us.

        Mirrors of this repository look again at a project only when its serial has grown; a changed
        filter changes what we hold at an unchanged serial of the source.
        """
        if known is not None and known.files and known.content == digest:
            return known.serial
        if known is not None and (known.content or not known.files):
            return max(contents.serial or 0, known.serial + 1)
        page = self._reader.page(contents.name)
        if page is None or page.serial is None:
            return contents.serial or self._serial + 1
        if self._stands(contents, page.serial):
            return page.serial
        return max(contents.serial or 0, page.serial + 1)

    def _stands(self, contents: Contents, serial: int) -> bool:
        """Tell whether the pages on disk say just this."""
        pages, root = render(contents, serial), self._directory.path
        try:
            return (
                root / "simple" / contents.name / "index.v1_json"
            ).read_bytes() == pages.json and (
                root / "pypi" / contents.name / "json"
            ).read_bytes() == pages.document
        except OSError:
            return False

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
            self._state.set_meta(_SERIAL, str(self._serial))

    # --- after the loss of the state ----------------------------------------------------------

    def _take_over(self) -> int:
        """Return the repository's serial; learn from a tree of which the state knows nothing.

        Without that, the first run after a loss would leave all projects that it does not look at
        out of the root.
        """
        text = self._state.meta(_SERIAL)
        if text is not None:
            return int(text)
        root = self._directory.place(ROOT_JSON)
        try:
            listed = parse_root(root.read_bytes(), JSON_TYPE, str(root))
        except (OSError, MalformedResponse):
            listed = Root([], 0)
        rows = []
        for display_name, serial in listed.projects:
            name = NormalizedName(normalize_name(display_name))
            page = self._directory.place("simple") / name / "index.v1_json"
            if is_project_name(name) and page.is_file():
                rows.append(PageRow(name, display_name, serial or 0, b"", 1))
        largest = max([listed.serial or 0, *(row.serial for row in rows)])
        with self._state.transaction():
            self._state.publication.save_pages(rows)
            self._state.set_meta(_SERIAL, str(largest))
        return largest
