"""Restore of a snapshot: offline, verified, and for readers in one step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.model import Cause
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import RunReport
from microrepo.operations.run.session import open_session
from microrepo.operations.snapshot.snapshot_creation import PresentState, free_name
from microrepo.operations.snapshot.snapshot_files import KeptBy, Snapshot, SnapshotFiles
from microrepo.operations.snapshot.snapshot_removal import remove_snapshots, superseded
from microrepo.operations.switch.import_settlement import restored_import
from microrepo.operations.switch.manifest_switch import ManifestSwitch
from microrepo.operations.switch.switch_plan import (
    Entry,
    LeavingFile,
    PlacedFile,
    SwitchKind,
    SwitchPlan,
)
from microrepo.operations.switch.switch_rows import owner_of
from microrepo.operations.switch.switch_target import SwitchTarget, plan_switch
from microrepo.reporting import Reporter, SilentReporter
from microrepo.standalone.importer.manifest_entries import ManifestFile
from microrepo.state import Owner
from microrepo.state.pinned_snapshot import PINNED, pinned_snapshot
from microrepo.stores.objects.protected_contents import ProtectedContents

# How many of the states that restores replaced are kept.
_KEPT_BEFORE = 3


class RestoreReport(RunReport, frozen=True, kw_only=True):
    """Result of `microrepo snapshot restore`.

    Attributes:
        snapshot: the restored snapshot.
        placed, leaving: files that were put in place and deleted, or would be.
        projects: number of projects that changed.
        before: name of the snapshot with the state before; "" if it was in a snapshot already.
        pinned: name of the snapshot that refreshes are held at.
        refused: why nothing was changed.
    """

    repository: str
    snapshot: Snapshot
    placed: tuple[PlacedFile, ...] = ()
    leaving: tuple[LeavingFile, ...] = ()
    projects: int = 0
    before: str = ""
    pinned: str = ""
    refused: str = ""


def restore_snapshot(
    config: Config,
    name: str,
    *,
    pin: bool = False,
    keep_present: bool = True,
    dry_run: bool = False,
    reporter: Reporter | None = None,
) -> RestoreReport:
    """Give the repository the files and facts that a snapshot lists.

    Files that came by bundles are deleted if the snapshot does not list them. Files that only users
    put there stay, unless the snapshot has another content for their name;
    then they are moved to quarantine.

    Args:
        name: a snapshot's name, `latest`, or the start of its id.
        pin: hold later refreshes at it.
        keep_present: keep the present state as a snapshot, unless one has it already.
        dry_run: only plan.
        reporter: receives progress.

    Raises:
        ConfigError: the snapshot does not exist.
        Locked: another run holds the repository's lock.
        RepositoryError: the snapshot is damaged, or the repository cannot be written to.
    """
    files = SnapshotFiles(Path(config.repository))
    snapshot = files.find(name)
    before = ""
    with open_session(
        config, "restore", reporter or SilentReporter(), read_only=dry_run
    ) as session:
        holdings, work = session.holdings, session.work
        pinned = snapshot.name if pin or pinned_snapshot(holdings.state) else ""
        target = _target(holdings, files, snapshot, pinned, writes=not dry_run)
        if dry_run:
            plan = plan_switch(holdings, work, target, writes=False)
        else:
            if keep_present:
                before = _keep_present(holdings, work, files)
            plan = ManifestSwitch(config, holdings, work).apply(target)
            if before and not work.report.refused:
                old = superseded(files.all(), {KeptBy.RESTORE}, _KEPT_BEFORE)
                old = [one for one in old if one.name != snapshot.name]
                remove_snapshots(holdings.directory, old, work)
    return _report(work, snapshot, plan, before, pinned)


def _target(
    holdings: Holdings, files: SnapshotFiles, snapshot: Snapshot, pinned: str, *, writes: bool
) -> SwitchTarget:
    store = ProtectedContents.of(holdings.directory.path)

    def content(sha256: str) -> Iterator[Path]:
        yield store.place(sha256)

    imported: dict[str, str | None] = {}
    moves: tuple[tuple[str, str], ...] = ()
    if writes:
        imported, moves = restored_import(holdings.directory, files.entries(snapshot.name))
    return SwitchTarget(
        SwitchKind.RESTORE,
        snapshot.name,
        lambda: files.entries(snapshot.name),
        content,
        lambda row: row.is_ours or row.cause is Cause.IMPORTED,
        meta={**imported, PINNED: pinned} if pinned else imported,
        moves=moves,
        from_source=_from_source(files),
    )


def _from_source(files: SnapshotFiles) -> Callable[[str, str], bool]:
    """Return a function that returns whether a snapshot lists a file as one of a source."""

    @cache
    def listed() -> frozenset[tuple[str, str]]:
        found: set[tuple[str, str]] = set()
        for snapshot in files.all():
            with suppress(RepositoryError):  # one that is damaged says nothing
                found.update(_of_sources(files.entries(snapshot.name)))
        return frozenset(found)

    return lambda filename, sha256: (filename, sha256) in listed()


def _of_sources(entries: Iterable[Entry]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        if isinstance(entry, ManifestFile) and owner_of(entry) is not Owner.PERSON:
            yield entry.filename, entry.sha256


def _keep_present(holdings: Holdings, work: WorkContext, files: SnapshotFiles) -> str:
    """Keep the present state; return the name, "" if a snapshot has it already."""
    if not holdings.links.files:
        return ""
    present = PresentState(holdings, work, writes=True)
    if present.is_lost:
        return ""
    known = {one.snapshot for one in files.all()}
    name = free_name(files, work, "before-restore-")
    kept = present.keep(name, KeptBy.RESTORE)
    if kept.snapshot in known or not kept.files:
        files.delete(kept)
        return ""
    return name


def _report(
    work: WorkContext, snapshot: Snapshot, plan: SwitchPlan, before: str, pinned: str
) -> RestoreReport:
    return work.report.build_as(
        RestoreReport,
        snapshot=snapshot,
        placed=plan.placed,
        leaving=plan.leaving,
        projects=len(plan.projects),
        before=before,
        pinned=pinned,
    )
