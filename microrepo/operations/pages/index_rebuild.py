"""`microrepo index`: rebuild of the static tree, for any directory of distributions."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec

from microrepo.batching import batched
from microrepo.config.schema import Config
from microrepo.model import NormalizedName, Outcome
from microrepo.operations.pages.publishing import RepositoryPages, in_batches
from microrepo.operations.records.report import Failure, RunReport
from microrepo.operations.run.session import open_session
from microrepo.publish.project.found_files import (
    DescribeFile,
    Description,
    describe,
    is_distribution,
)
from microrepo.publish.project.page_contents import facts_from_page
from microrepo.publish.tree.static_tree import Publisher, PublishReport
from microrepo.reporting import Reporter, SilentReporter
from microrepo.repositories.directory_contents import (
    DirectoryContents,
    contradiction,
    damaged_found,
    parse_name,
    state_claims,
)
from microrepo.standalone.server.names import normalize_name
from microrepo.state import FileRow
from microrepo.state.tables.found_table import FoundRow
from microrepo.stores.flat_directory import OnDisk
from microrepo.transfer.tasks import HashFile

_READ_AT_ONCE = 500


class IndexReport(RunReport, frozen=True, kw_only=True):
    """Result of `microrepo index`.

    Attributes:
        projects: number of projects in the tree, with `files`.
        read: files that were read because no record of them existed.
        published: the written pages.
        refused: why nothing was written.
    """

    repository: str
    projects: int = 0
    files: int = 0
    read: int = 0
    published: PublishReport = PublishReport()
    refused: str = ""


def rebuild_index(config: Config, reporter: Reporter | None = None) -> IndexReport:
    """Rebuild the whole tree from the contents of the directory, offline.

    Distributions that no refresh downloaded are read once and listed too. In an unchanged
    repository each file is only checked, and nothing is written.

    Args:
        config: complete settings; `repository` may be a bare directory of wheels and sdists.
        reporter: receives progress.

    Raises:
        Locked: another run holds the repository's lock.
        RepositoryError: the directory does not exist, is unsuitable or not writable.
    """
    with open_session(config, "index", reporter or SilentReporter(), creates=False) as session:
        holdings, work = session.holdings, session.work
        rebuild = _Rebuild(RepositoryPages(config, holdings, work))
        rebuild.carry_out()
        projects, files = holdings.state.publication.count()
        if not files and not work.report.refused:
            work.report.warn(f"{config.repository}: contains no distributions; the index is empty")
    return work.report.build_as(
        IndexReport, projects=projects, files=files, read=rebuild.read, published=rebuild.published
    )


class _Rebuild:
    """A running rebuild of the tree."""

    def __init__(self, pages: RepositoryPages) -> None:
        self._pages = pages
        self._holdings = holdings = pages.holdings
        self._work = work = pages.work
        self._state = holdings.state
        self._publication = holdings.state.publication
        self._report = work.report
        self.read = 0
        self.published = PublishReport()

    def carry_out(self) -> None:
        holdings = self._holdings
        disk = holdings.directory.scan()
        publisher = self._pages.open_publisher()
        absent, ours, names = self._compare(disk)
        others = [name for name in disk if name not in ours and is_distribution(name)]
        names |= self._folders()
        if not holdings.links.files:
            names |= {row.project for row in self._state.files()}
        elif not others and len(absent) == len(ours) and names:
            self._report.refused = (
                f"{holdings.directory.path}: contains no distributions, but its index lists some. "
                "Is the right file system mounted? If the files are gone, delete simple/."
            )
            return
        names |= self._read_others(others, disk, publisher)
        with self._pages.writing():
            publisher.publish(in_batches(sorted(names)), absent=absent)
            publisher.finish(rebuild=True)
        self.published = self._pages.report_on(publisher, rebuild=True)

    def _compare(self, disk: Mapping[str, OnDisk]) -> tuple[set[str], set[str], set[str]]:
        """Return recorded files that are not in place, all recorded files, and their projects."""
        absent: set[str] = set()
        ours: set[str] = set()
        touched: list[str] = []
        names: set[str] = set(self._publication.page_names())
        for filename, project, size, mtime_ns in self._state.iter_stats():
            ours.add(filename)
            names.add(project)
            found = disk.get(filename)
            if found is None or found.size_bytes != size:
                absent.add(filename)
                self._miss(filename, "is missing" if found is None else "has a different size")
            elif found.mtime_ns != mtime_ns:
                touched.append(filename)
        for batch in batched(touched, _READ_AT_ONCE):
            absent |= self._damaged(batch)
        return absent, ours, names

    def _miss(self, filename: str, what: str) -> None:
        hint = "skipped; `microrepo verify --repair` downloads it again"
        self._report.failed.append(Failure(filename, f"{what}; {hint}"))

    def _damaged(self, filenames: Sequence[str]) -> set[str]:
        """Read files whose time changed, as after a copy without times; return the damaged ones."""
        rows = self._state.files_named(filenames)
        expected = {name: row.digests.strongest() or ("sha256", "") for name, row in rows.items()}
        futures = [self._work.submit(HashFile(name, (expected[name][0],))) for name in filenames]
        intact: list[FileRow] = []
        for future in futures:
            outcome = future.result()
            assert isinstance(outcome, Outcome)  # noqa: S101 - narrows the type
            algorithm, digest = expected[outcome.filename]
            if outcome.ok and getattr(outcome.digests, algorithm) == digest:
                row = rows[outcome.filename]
                intact.append(msgspec.structs.replace(row, mtime_ns=outcome.mtime_ns))
            else:
                self._miss(outcome.filename, "is damaged")
        self.read += len(filenames)
        with self._state.transaction():
            self._state.save_files(intact)
        return set(filenames) - {row.filename for row in intact}

    def _folders(self) -> set[str]:
        """Return the projects with directories in the tree, whatever program made these."""
        try:
            with os.scandir(self._holdings.directory.place("simple")) as entries:
                return {
                    entry.name
                    for entry in entries
                    if entry.is_dir() and normalize_name(entry.name) == entry.name
                }
        except OSError:
            return set()

    def _read_others(
        self, filenames: Sequence[str], disk: Mapping[str, OnDisk], publisher: Publisher
    ) -> set[str]:
        """Read new files that microrepo did not download; forget deleted ones."""
        known = {row[0]: row for row in self._publication.found_stats()}
        names = {row[1] for row in known.values()}
        gone = known.keys() - disk.keys()
        with self._state.transaction():
            self._publication.forget_found(gone)
        unread = [
            name
            for name in filenames
            if name not in known or known[name][2:] != (disk[name].size_bytes, disk[name].mtime_ns)
        ]
        self._work.reporter.expect_documents(len(unread))
        for batch in batched(unread, _READ_AT_ONCE):
            names |= self._read(batch, publisher)
        return names

    def _read(self, filenames: Sequence[str], publisher: Publisher) -> set[str]:
        pool, repository = self._work.pool(), str(self._holdings.directory.path)
        futures = [pool.submit(describe, DescribeFile(repository, name)) for name in filenames]
        rows: list[FoundRow] = []
        projects = {parsed[0] for name in filenames if (parsed := parse_name(name))}
        stated = state_claims(self._state, projects)
        contents = DirectoryContents(self._holdings.directory, stated)
        for future in futures:
            description = future.result()
            if isinstance(description, Outcome):
                # Worker processes died while reading it.
                description = Description(description.filename, problem=description.error)
            self._work.reporter.document_done()
            row, filename = description.row, description.filename
            parsed = parse_name(filename)
            name = NormalizedName(row.project) if row is not None else parsed and parsed[0]
            claim = contents.claim(filename, name) if name else None
            problem = description.problem
            if row is not None and (text := contradiction(claim, row.file.digests)):
                problem = f"{text}; skipped"
            if problem or row is None:
                self._report.failed.append(Failure(filename, problem))
                if claim is not None and name:
                    rows.append(damaged_found(filename, name, claim, row.size if row else 0))
                continue
            page = publisher.page(row.project)
            file = facts_from_page(row.file, page)
            rows.append(msgspec.structs.replace(row, file=file))
        self.read += len(filenames)
        with self._state.transaction():
            self._publication.forget_found(filenames)
            self._publication.save_found(rows)
        return {row.project for row in rows}
