"""Page trees of a switch: built aside, then exchanged for the present ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from microrepo.batching import batched
from microrepo.config.schema import Config
from microrepo.model import NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.switch.switch_journal import SwitchJournal
from microrepo.publish.links import remember_links
from microrepo.publish.tree.page_writer import PageWriter
from microrepo.publish.tree.people_pages import update_browse
from microrepo.publish.tree.static_tree import Publisher, put_server
from microrepo.standalone.importer.tree_exchange import (
    exchange_directories,
    link_tree,
    remove_tree,
)
from microrepo.state.change_log import ROOT_PLACE
from microrepo.stores.durability import sync_file_system
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.page_paths import TREES, page_folder
from microrepo.stores.plain_files import replace_file

_BATCH = 300


class StagedPages:
    """The page trees that readers see after a switch.

    Args:
        config: decides which pages exist.
        rebuild: write all pages for people, since an earlier attempt may have recorded them.
    """

    def __init__(
        self,
        config: Config,
        holdings: Holdings,
        work: WorkContext,
        journal: SwitchJournal,
        *,
        rebuild: bool,
    ) -> None:
        self._config = config
        self._holdings = holdings
        self._work = work
        self._trees = journal.trees
        self._rebuild = rebuild
        self._directory = FlatDirectory(holdings.directory.path, pages=journal.trees)
        self.wanted = config.simple or holdings.directory.place("simple").is_dir()
        if self.wanted:
            self._link_present()
            remember_links(holdings.state, holdings.links)
            self._publisher = Publisher(
                self._directory,
                holdings.state,
                work.pool,
                now=work.now,
                with_server=False,
                links=holdings.links,
            )

    def _link_present(self) -> None:
        remove_tree(str(self._trees))
        self._trees.mkdir(parents=True)
        for name in TREES:
            present = self._holdings.directory.path / name
            if present.is_dir():
                link_tree(str(present), str(self._trees / name))

    def publish(self, names: Iterable[str]) -> None:
        """Write the pages of some projects.

        Raises:
            OSError: a page cannot be written.
        """
        if not self.wanted:
            return
        self._publisher.publish(batched(map(NormalizedName, sorted(names)), _BATCH))

    def pending(self) -> Iterator[str]:
        """Yield all projects whose pages are out of date."""
        after = ""
        while batch := self._holdings.state.publication.pending(after, _BATCH):
            yield from batch
            after = batch[-1]

    def exchange(self) -> None:
        """Write the pages of all projects, then give readers the new trees.

        Raises:
            OSError: a page cannot be written, or a tree cannot be renamed.
        """
        if not self.wanted:
            return
        self._publisher.finish()
        if self._config.browse:
            self._update_browse()
        root = self._holdings.directory.path
        sync_file_system(self._trees)
        for name in TREES:
            if (self._trees / name).is_dir():
                exchange_directories(str(self._trees / name), str(root / name))
        for page in self._trees.iterdir():
            if page.name not in TREES and page.is_file():
                replace_file(str(page), str(root / page.name))
        if self._config.server:
            writer = PageWriter(root, self._directory.control / "pages")
            put_server(writer)
            writer.flush()
        self._holdings.directory.sync()

    def _update_browse(self) -> None:
        holdings = self._holdings
        done = update_browse(
            self._trees,
            holdings.directory.control,
            files=holdings.directory.path,
            rebuild=self._rebuild,
        )
        with holdings.state.transaction():
            for name in done.changed:
                holdings.state.changes.note(self._work.report.run, f"{page_folder(name)}/")
            if done.pages:
                holdings.state.changes.note(self._work.report.run, ROOT_PLACE)
