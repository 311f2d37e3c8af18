"""Publisher of the static tree after a run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from microrepo.batching import batched
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.model import NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.pages.lost_pages import lost_pages
from microrepo.publish.links import remember_links
from microrepo.publish.tree.page_writer import PageWriter
from microrepo.publish.tree.root_pages import ROOT_JSON
from microrepo.publish.tree.static_tree import Publisher, PublishReport, put_server
from microrepo.standalone.assemble import assemble, is_current
from microrepo.state import State
from microrepo.state.change_log import ROOT_PLACE
from microrepo.stores.atomic_write import umask, write_atomically
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.page_paths import START_PAGE, page_folder

_BATCH = 300


class RepositoryPages:
    """The pages of a repository, updated after what a run changed.

    Args:
        config: decides which pages exist.
    """

    def __init__(self, config: Config, holdings: Holdings, work: WorkContext) -> None:
        self.config = config
        self.holdings = holdings
        self.work = work

    @property
    def exist(self) -> bool:
        """Return whether the repository has pages, of whatever run."""
        return self.holdings.directory.place("simple").is_dir()

    def write(self, names: Iterable[str]) -> None:
        """Write the pages of some projects; `update` then updates those for all projects.

        Raises:
            RepositoryError: a page cannot be written.
        """
        if not self.config.simple or self.work.report.dry_run:
            return
        publisher = self.open_publisher()
        with self.writing():
            publisher.publish(in_batches(sorted(set(names))))

    def update(self, changed: Iterable[str] = (), *, leaving: Collection[str] = ()) -> None:
        """Update the tree: the pages of changed projects, then those for all projects.

        The state records what changed since the tree was last written, by any run.

        Args:
            changed: projects to publish, whatever the state records; the pages of projects
                without files are deleted.
            leaving: files of the changed projects that are about to be deleted. Until then, these
                projects stay marked as unpublished.

        Raises:
            RepositoryError: a page cannot be written.
        """
        if self.work.report.dry_run:
            return
        if not self.config.simple:
            self._update_without_tree()
            return
        state = self.holdings.state
        publisher = self.open_publisher()
        names = sorted({*changed, *lost_pages(self.holdings.directory, state.publication)})
        with self.writing():
            publisher.publish(in_batches(names), leaving=leaving)
            publisher.publish(_pending(state), leaving=leaving)
            publisher.finish()
        if leaving:
            # The run may be killed before they are deleted, and the next run may keep them.
            with state.transaction():
                state.publication.mark(names)
        self.report_on(publisher)

    def report_on(self, publisher: Publisher, *, rebuild: bool = False) -> PublishReport:
        """Update the pages for people, if enabled; return the combined result.

        Args:
            publisher: has written the index.
            rebuild: write all pages for people, whatever the state records.

        Raises:
            RepositoryError: a page cannot be written.
        """
        report = publisher.report()
        for name in report.waiting:
            self.work.report.warn(f"{name}: none of its files exists; its pages are kept")
        directory = self.holdings.directory
        if not self.config.browse:
            if directory.place(START_PAGE).exists():
                self.work.report.warn(
                    "browse/ is out of date. Set `browse`, or delete the directory."
                )
            return report
        from microrepo.publish.tree.people_pages import update_browse  # few repositories need it

        with self.writing():
            done = update_browse(directory.path, directory.control, rebuild=rebuild)
        if done.too_many:
            self.work.report.warn(
                f"browse/ is not written: {done.too_many:,} projects are too many for one page; "
                "`server.py` shows them"
            )
        if done.pages:
            self._note(*(f"{page_folder(name)}/" for name in done.changed), ROOT_PLACE)
        return msgspec.structs.replace(report, pages=report.pages + done.pages)

    def _update_without_tree(self) -> None:
        if not (self.config.server or self.exist):
            return
        directory, report = self.holdings.directory, self.work.report
        writer = PageWriter(directory.path, directory.control / "pages")
        with self.writing():
            if self.config.server:
                put_server(writer)
            writer.flush()
        if writer.written:
            self._note(ROOT_PLACE)
        if self.config.browse:
            report.warn("`browse` is on, but its pages are made from `simple`, which is off")
        if directory.place(ROOT_JSON).exists():
            report.warn(
                "simple/ is from an earlier run and out of date, because `simple` is off. Delete "
                "the directory, or set `simple`."
            )

    def _note(self, *places: str) -> None:
        with self.holdings.state.transaction():
            for place in places:
                self.holdings.state.changes.note(self.work.report.run, place)

    def open_publisher(self) -> Publisher:
        """Return the publisher of the repository's tree."""
        holdings = self.holdings
        remember_links(holdings.state, holdings.links)
        return Publisher(
            holdings.directory,
            holdings.state,
            self.work.pool,
            now=self.work.now,
            with_server=self.config.server,
            links=holdings.links,
        )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn disk errors into RepositoryError.

        Raises:
            RepositoryError: a page cannot be written.
        """
        directory = self.holdings.directory
        try:
            yield
        except OSError as error:
            # For a failed rename, the target path is more useful than the temporary one.
            path = error.filename2 or error.filename or directory.path
            reason = disk_words(error, directory.path)
            raise RepositoryError(path, f"the index cannot be written: {reason}") from error


def in_batches(names: Sequence[str]) -> Iterator[list[NormalizedName]]:
    """Yield projects in batches of a few hundred."""
    return batched(map(NormalizedName, names), _BATCH)


def _pending(state: State) -> Iterator[list[NormalizedName]]:
    after = ""
    while batch := state.publication.pending(after, _BATCH):
        yield batch
        after = batch[-1]


def export_server(directory: Path) -> None:
    """Write the one-file server into a directory if it is missing or differs.

    This needs no lock and does not disturb a run in the directory.

    Raises:
        RepositoryError: the file cannot be written.
    """
    target = directory / "server.py"
    try:
        if not (target.is_file() and is_current(target.read_bytes())):
            write_atomically(target, assemble().encode(), 0o777 & ~umask())
    except OSError as error:
        raise RepositoryError(directory, f"cannot be written to: {disk_words(error)}") from error
