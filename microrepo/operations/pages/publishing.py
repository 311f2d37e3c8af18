"""Publishing: the static tree follows what a run has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from microrepo.batching import batched
from microrepo.errors import RepositoryError
from microrepo.model import NormalizedName
from microrepo.operations.pages.lost_pages import lost_pages
from microrepo.operations.records.report import ReportBuilder
from microrepo.operations.run.session import Session
from microrepo.publish.links import remember_links
from microrepo.publish.tree.page_writer import PageWriter
from microrepo.publish.tree.people_pages import update_browse
from microrepo.publish.tree.root_pages import ROOT_JSON
from microrepo.publish.tree.static_tree import Publisher, PublishReport, put_server
from microrepo.standalone.assemble import assemble
from microrepo.state import State
from microrepo.state.change_log import ROOT_PLACE
from microrepo.stores.atomic_write import umask, write_atomically
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.page_paths import START_PAGE, page_folder

_BATCH = 300


def publish_projects(
    session: Session, names: Iterable[str], *, leaving: Collection[str] = ()
) -> None:
    """Write the pages of some projects; `publish_changes` makes those of all projects follow.

    Args:
        session: the run.
        names: the projects.
        leaving: files that are about to be deleted.

    Raises:
        RepositoryError: a page cannot be written.
    """
    if not session.config.simple or session.report.dry_run:
        return
    publisher = open_publisher(session)
    with writing_pages(session.directory):
        publisher.publish(in_batches(sorted(set(names))), leaving=leaving)


def publish_changes(
    session: Session,
    changed: Iterable[str] = (),
    gone: Iterable[str] = (),
    *,
    leaving: Collection[str] = (),
) -> PublishReport:
    """Bring the tree up to date: the pages of changed projects, then those of all projects.

    What changed since the tree was last written the state knows, whichever run changed it.

    Args:
        session: the run.
        changed: projects to publish whatever the state says of them.
        gone: likewise; projects without any file lose their pages.
        leaving: files of the changed projects that are about to be deleted. Until they are, it
            stays noted that these projects have to be published.

    Raises:
        RepositoryError: a page cannot be written.
    """
    if session.report.dry_run:
        return PublishReport()
    if not session.config.simple:
        return _without_tree(session)
    publisher = open_publisher(session)
    lost = lost_pages(session.directory, session.state.publication)
    names = sorted({*changed, *gone, *lost})
    with writing_pages(session.directory):
        publisher.publish(in_batches(names), leaving=leaving)
        publisher.publish(_pending(session.state), leaving=leaving)
        publisher.finish()
    if leaving:
        # The run may be killed before they go, and the next one may want to keep them.
        with session.state.transaction():
            session.state.publication.mark(names)
    report = with_browse(session, publisher.report())
    warn_of_waiting(session.report, report.waiting)
    return report


def with_browse(session: Session, report: PublishReport, *, rebuild: bool = False) -> PublishReport:
    """Let the pages for people follow the index, where they are kept; return what was done in all.

    Args:
        session: the run.
        report: what was done to the index.
        rebuild: trust nothing that is remembered of them.

    Raises:
        RepositoryError: a page cannot be written.
    """
    directory = session.directory
    if not session.config.browse:
        if directory.place(START_PAGE).exists():
            session.report.warn(
                "browse/ is there and no longer kept up to date: set `browse`, or remove it"
            )
        return report
    with writing_pages(session.directory):
        done = update_browse(directory.path, directory.control, rebuild=rebuild)
    if done.too_many:
        session.report.warn(
            f"browse/ is not written: {done.too_many:,} projects are too many for one page; "
            "`server.py` shows them"
        )
    if done.pages:
        with session.state.transaction():
            for place in (*(f"{page_folder(name)}/" for name in done.changed), ROOT_PLACE):
                session.state.changes.note(session.run, place)
    return msgspec.structs.replace(report, pages=report.pages + done.pages)


def _without_tree(session: Session) -> PublishReport:
    directory = session.directory
    writer = PageWriter(directory.path, directory.control / "pages")
    with writing_pages(session.directory):
        if session.config.server:
            put_server(writer)
        writer.flush()
    if writer.written:
        with session.state.transaction():
            session.state.changes.note(session.run, ROOT_PLACE)
    if session.config.browse:
        session.report.warn("`browse` is on, but its pages are made from `simple`, which is off")
    if directory.place(ROOT_JSON).exists():
        session.report.warn(
            "`simple` is off, but simple/ is still there from an earlier run and is no longer kept "
            "up to date; remove it"
        )
    return PublishReport(pages=writer.written)


def open_publisher(session: Session) -> Publisher:
    """Return what writes the tree of a session's repository."""
    remember_links(session.state, session.links)
    return Publisher(
        session.directory,
        session.state,
        lambda: session.pool,
        now=session.now,
        with_server=session.config.server,
        links=session.links,
    )


@contextmanager
def writing_pages(directory: FlatDirectory) -> Iterator[None]:
    """Translate what goes wrong on the disk.

    Raises:
        RepositoryError: a page cannot be written.
    """
    try:
        yield
    except OSError as error:
        # Of a failed rename, the place where the page belongs tells more than where it lay.
        path = error.filename2 or error.filename or directory.path
        reason = disk_words(error, directory.path)
        raise RepositoryError(path, f"the index cannot be written: {reason}") from error


def in_batches(names: Sequence[str]) -> Iterator[list[NormalizedName]]:
    """Return projects a few hundred at a time."""
    return batched(map(NormalizedName, names), _BATCH)


def _pending(state: State) -> Iterator[list[NormalizedName]]:
    after = ""
    while batch := state.publication.pending(after, _BATCH):
        yield batch
        after = batch[-1]


def warn_of_waiting(report: ReportBuilder, waiting: Iterable[str]) -> None:
    """Tell of projects whose pages name files that are not in place."""
    for name in waiting:
        report.warn(f"{name}: none of its files is in place; its pages stay as they were")


def export_server(directory: Path) -> None:
    """Put the one-file server into a directory, where it is missing or another.

    It needs no lock and shares nothing with a run that may be at work there.

    Raises:
        RepositoryError: it cannot be written.
    """
    target, content = directory / "server.py", assemble().encode()
    try:
        if target.is_file() and target.read_bytes() == content:
            return
        write_atomically(target, content, 0o777 & ~umask())
    except OSError as error:
        raise RepositoryError(directory, f"cannot be written to: {disk_words(error)}") from error
