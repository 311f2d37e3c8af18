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
from microrepo.operations.records.report import ReportBuilder
from microrepo.publish.links import remember_links
from microrepo.publish.tree.page_writer import PageWriter
from microrepo.publish.tree.people_pages import update_browse
from microrepo.publish.tree.root_pages import ROOT_JSON
from microrepo.publish.tree.static_tree import Publisher, PublishReport, put_server
from microrepo.standalone.assemble import assemble, is_current
from microrepo.state import State
from microrepo.state.change_log import ROOT_PLACE
from microrepo.stores.atomic_write import umask, write_atomically
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.page_paths import START_PAGE, page_folder

_BATCH = 300


def publish_projects(
    config: Config,
    holdings: Holdings,
    work: WorkContext,
    names: Iterable[str],
    *,
    leaving: Collection[str] = (),
) -> None:
    """Write the pages of some projects; `publish_changes` then updates those for all projects.

    Args:
        config: decides whether pages exist.
        holdings: of the repository.
        work: the run.
        names: the projects.
        leaving: files that are about to be deleted.

    Raises:     RepositoryError: a page cannot be written.
    """
    if not config.simple or work.report.dry_run:
        return
    publisher = open_publisher(config, holdings, work)
    with writing_pages(holdings.directory):
        publisher.publish(in_batches(sorted(set(names))), leaving=leaving)


def publish_changes(
    config: Config,
    holdings: Holdings,
    work: WorkContext,
    changed: Iterable[str] = (),
    gone: Iterable[str] = (),
    *,
    leaving: Collection[str] = (),
) -> PublishReport:
    """Update the tree: the pages of changed projects, then those for all projects.

    The state records what changed since the tree was last written, by any run.

    Args:
        config: decides which pages exist.
        holdings: of the repository.
        work: the run.
        changed: projects to publish, whatever the state records.
        gone: likewise; the pages of projects without files are deleted.
        leaving: files of the changed projects that are about to be deleted. Until then, these
            projects stay marked as unpublished.

    Raises:     RepositoryError: a page cannot be written.
    """
    if work.report.dry_run:
        return PublishReport()
    if not config.simple:
        return _without_tree(config, holdings, work)
    publisher = open_publisher(config, holdings, work)
    lost = lost_pages(holdings.directory, holdings.state.publication)
    names = sorted({*changed, *gone, *lost})
    with writing_pages(holdings.directory):
        publisher.publish(in_batches(names), leaving=leaving)
        publisher.publish(_pending(holdings.state), leaving=leaving)
        publisher.finish()
    if leaving:
        # The run may be killed before they are deleted, and the next run may keep them.
        with holdings.state.transaction():
            holdings.state.publication.mark(names)
    report = with_browse(config, holdings, work, publisher.report())
    warn_of_waiting(work.report, report.waiting)
    return report


def with_browse(
    config: Config,
    holdings: Holdings,
    work: WorkContext,
    report: PublishReport,
    *,
    rebuild: bool = False,
) -> PublishReport:
    """Update the pages for people, if enabled; return the combined result.

    Args:
        config: decides whether pages for people exist.
        holdings: of the repository.
        work: the run.
        report: result for the index.
        rebuild: write all pages, whatever the state records.

    Raises:     RepositoryError: a page cannot be written.
    """
    directory = holdings.directory
    if not config.browse:
        if directory.place(START_PAGE).exists():
            work.report.warn("browse/ is out of date. Set `browse`, or delete the directory.")
        return report
    with writing_pages(holdings.directory):
        done = update_browse(directory.path, directory.control, rebuild=rebuild)
    if done.too_many:
        work.report.warn(
            f"browse/ is not written: {done.too_many:,} projects are too many for one page; "
            "`server.py` shows them"
        )
    if done.pages:
        with holdings.state.transaction():
            for place in (*(f"{page_folder(name)}/" for name in done.changed), ROOT_PLACE):
                holdings.state.changes.note(work.report.run, place)
    return msgspec.structs.replace(report, pages=report.pages + done.pages)


def _without_tree(config: Config, holdings: Holdings, work: WorkContext) -> PublishReport:
    directory = holdings.directory
    writer = PageWriter(directory.path, directory.control / "pages")
    with writing_pages(holdings.directory):
        if config.server:
            put_server(writer)
        writer.flush()
    if writer.written:
        with holdings.state.transaction():
            holdings.state.changes.note(work.report.run, ROOT_PLACE)
    if config.browse:
        work.report.warn("`browse` is on, but its pages are made from `simple`, which is off")
    if directory.place(ROOT_JSON).exists():
        work.report.warn(
            "simple/ is from an earlier run and out of date, because `simple` is off. Delete the "
            "directory, or set `simple`."
        )
    return PublishReport(pages=writer.written)


def open_publisher(config: Config, holdings: Holdings, work: WorkContext) -> Publisher:
    """Return the publisher of a repository's tree."""
    remember_links(holdings.state, holdings.links)
    return Publisher(
        holdings.directory,
        holdings.state,
        work.pool,
        now=work.now,
        with_server=config.server,
        links=holdings.links,
    )


@contextmanager
def writing_pages(directory: FlatDirectory) -> Iterator[None]:
    """Turn disk errors into RepositoryError.

    Raises:     RepositoryError: a page cannot be written.
    """
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


def warn_of_waiting(report: ReportBuilder, waiting: Iterable[str]) -> None:
    """Warn about projects whose pages list files that are not in place."""
    for name in waiting:
        report.warn(f"{name}: none of its files exists; its pages are kept")


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
