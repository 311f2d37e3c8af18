"""Verify: compare the files on disk with the state, and repair damaged ones."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.formats.distribution.filenames import package_type_of
from microrepo.formats.times import from_ns
from microrepo.model import Action, ActionKind, Cause, File
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.repository_directory import FETCHED, Journal, RepositoryDirectory
from microrepo.operations.apply.transfer import carry
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.maintain.content_check import Checked, read_files
from microrepo.operations.maintain.provenance_check import faults_of_provenance
from microrepo.operations.maintain.wheel_contents import check_contents
from microrepo.operations.pages.publishing import RepositoryPages
from microrepo.operations.records.report import Failure, Report, ReportBuilder
from microrepo.operations.run.session import open_session
from microrepo.plan import Totals, totals_of
from microrepo.publish.project.sidecar_check import damaged_sidecars
from microrepo.reporting import Reporter, SilentReporter
from microrepo.repositories.directory_contents import Unrecorded, unrecorded
from microrepo.state import FileRow, State
from microrepo.state.file_rows import origin_of
from microrepo.state.monitoring import DAMAGED_MTIME_NS
from microrepo.state.tables.found_table import FoundRow
from microrepo.stores.flat_directory import FlatDirectory, sidecar_name
from microrepo.transfer.download.metadata_sidecar import MakeSidecar, make_sidecar


def verify(
    config: Config,
    *,
    deep: bool = False,
    contents: bool = False,
    repair: bool = False,
    dry_run: bool = False,
    reporter: Reporter | None = None,
    cancel: threading.Event | None = None,
) -> Report:
    """Check every file of the repository.

    Args:
        config: complete settings.
        deep: read every file; otherwise only files whose size or time changed.
        contents: also compare the members of each intact wheel with its RECORD.
        repair: download damaged and missing files again.
        dry_run: change nothing; with `repair`, plan the downloads.
        reporter: receives progress.
        cancel: event that stops the run soon after it is set.

    Returns:
        The report; `failed` lists damaged files that were not repaired; `refused` is set if there
        is nothing to verify.

    Raises:
        Cancelled: `cancel` was set.
        RepositoryError: the state cannot be read.
    """
    directory = FlatDirectory(Path(config.repository))
    if not directory.exists():
        raise RepositoryError(directory.path, "directory not found; name a repository")
    # Checking works on read-only media, and a directory without a state stays without one.
    is_ours = directory.control.is_dir() or directory.place("simple").is_dir()
    writable = is_ours and os.access(
        directory.control if directory.control.is_dir() else directory.path, os.W_OK
    )
    read_only = dry_run or not (repair or writable)
    with open_session(
        config, "verify", reporter or SilentReporter(), read_only=read_only, cancel=cancel
    ) as session:
        holdings, work = session.holdings, session.work
        work.report.dry_run = dry_run
        holdings.scan()
        rows = [row for row in holdings.state.files() if row.present]
        others = list(unrecorded(directory, holdings.state, directory.scan()))
        rows += [one.row for one in others]
        if not holdings.links.files:
            work.report.warn(
                "this repository is an index: the files that it lists are elsewhere and not verified"
            )
        elif not rows:
            work.report.refused = f"{directory.path}: contains no distributions; nothing to verify"
        checked = list(_check_all(config.processes, holdings, work, rows, deep=deep))
        damaged = [one for one in checked if one.problem]
        if not read_only:
            _remember(holdings.state, rows, checked, {one.row.filename: one for one in others})
        work.report.notes.append(_compared(holdings, rows, deep=deep))
        work.report.totals = Totals(keep=len(checked) - len(damaged))
        repaired: frozenset[str] = frozenset()
        if repair and dry_run:
            work.report.plan = [_repair_action(one) for one in damaged if one.row.url]
            work.report.totals += totals_of(work.report.plan)
        elif repair:
            repaired = _repair(holdings, work, damaged)
            # Update the pages with the repaired files, so that `health` is fine again.
            RepositoryPages(config, holdings, work).update()
        work.report.failed = [
            Failure(one.row.filename, one.problem)
            for one in damaged
            if one.row.filename not in repaired
        ]
        if contents:
            intact = [one.row for one in checked if not one.problem]
            wheels_here = [row for row in intact if row.filename.endswith(".whl")]
            work.report.failed += check_contents(
                config.processes, directory.path, work, wheels_here
            )
        if holdings.links.files:
            wheels = [row.filename for row in rows if row.filename.endswith(".whl")]
            work.report.failed += [
                Failure(sidecar_name(name), why)
                for name, why in damaged_sidecars(holdings.state, directory, wheels, deep=deep)
                if not repair or dry_run or not _wrote_sidecar(directory, name)
            ]
            _report_provenance(work.report, faults_of_provenance(config, directory, rows))
    return work.report.build()


def _report_provenance(report: ReportBuilder, faults: Iterable[tuple[Failure, bool]]) -> None:
    """Report faults of provenance objects; those that a newer trusted root may end only warn."""
    for fault, is_warning in faults:
        if is_warning:
            report.unverifiable.append(f"{fault.what}: {fault.why}")
        else:
            report.failed.append(fault)


def _wrote_sidecar(directory: FlatDirectory, wheel: str) -> bool:
    """Write the metadata file of a wheel again; return whether that succeeded."""
    try:
        return make_sidecar(MakeSidecar(str(directory.path), wheel)).sha256 is not None
    except OSError:
        return False


def _compared(holdings: Holdings, rows: Sequence[FileRow], *, deep: bool) -> str:
    """Return a note on what the files were compared with."""
    unknown = sum(row.digests.strongest() is None for row in rows)
    text = "compared content with the digests on record"
    if not deep:
        changed = sum(
            (disk := holdings.on_disk(row.filename)) is not None and disk.mtime_ns != row.mtime_ns
            for row in rows
        )
        text = (
            f"compared size and time, and the content of {changed} files "
            "with another time; --deep compares the content of all"
        )
    have = "file has" if unknown == 1 else "files have"
    if not unknown:
        return text
    return f"{text}; {unknown} {have} no recorded digest and can only be opened and read"


def _check_all(
    threads: int | None,
    holdings: Holdings,
    work: WorkContext,
    rows: Sequence[FileRow],
    *,
    deep: bool,
) -> Iterator[Checked]:
    to_read: list[FileRow] = []
    for row in rows:
        disk = holdings.on_disk(row.filename)
        if disk is None:
            yield Checked(row, "missing")
        elif disk.size_bytes != row.size:
            yield Checked(row, f"damaged: {disk.size_bytes} bytes instead of {row.size}")
        elif deep or disk.mtime_ns != row.mtime_ns or row.digests.strongest() is None:
            to_read.append(row)
        else:
            yield Checked(row)
    work.reporter.expect_bytes(sum(row.size or 0 for row in to_read))
    yield from read_files(threads, holdings.directory.path, work, to_read)


def _remember(
    state: State,
    before: Sequence[FileRow],
    after: Sequence[Checked],
    others: Mapping[str, Unrecorded],
) -> None:
    """Record new times and digests of intact files; mark damaged ones for download.

    Size and time can hide the damage; an impossible time makes the next run read the file.
    """
    old = {row.filename: row for row in before}
    files: list[FileRow] = []
    found: list[FoundRow] = []
    for one in after:
        row = one.row
        if one.problem:
            row = msgspec.structs.replace(row, mtime_ns=DAMAGED_MTIME_NS)
        if row.filename not in others:
            files += [row] if row != old[row.filename] else []
        elif one.problem or old[row.filename].mtime_ns == DAMAGED_MTIME_NS:
            file = msgspec.structs.replace(others[row.filename].file, digests=row.digests)
            if one.problem and row.digests.strongest() is None:
                file = msgspec.structs.replace(file, size=None)  # that of the sound file is unknown
            size = row.size or 0
            found.append(FoundRow(row.filename, row.project, size, row.mtime_ns, row.project, file))
    with state.transaction():
        state.save_files(files)
        state.publication.save_found(found)


def _repair(holdings: Holdings, work: WorkContext, damaged: Sequence[Checked]) -> frozenset[str]:
    """Download damaged files again; return the names of repaired files."""
    actions = [_repair_action(one) for one in damaged if one.row.url]
    repaired: set[str] = set()
    journal = Journal(
        holdings.state,
        work.report.run,
        "repair",
        {one.row.filename: origin_of(one.row) for one in damaged},
        lambda rows: repaired.update(row.filename for row in rows),
    )
    carry(actions, RepositoryDirectory(holdings.directory, FETCHED, journal), work)
    return frozenset(repaired)


def _repair_action(one: Checked) -> Action:
    row = one.row
    # Keep the old time, which was the upload time.
    known_ns = row.mtime_ns if row.mtime_ns != DAMAGED_MTIME_NS else None
    file = File(
        row.filename,
        row.url,
        row.version,
        package_type_of(row.filename) or "",
        row.digests,
        row.size,
        upload_time=None if known_ns is None else from_ns(known_ns),
    )
    size, cause = row.size or 0, Cause.DAMAGED
    return Action(ActionKind.DOWNLOAD, row.filename, row.project, cause, file, one.problem, size)
