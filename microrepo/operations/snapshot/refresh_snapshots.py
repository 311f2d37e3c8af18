"""Snapshots that refreshes make, as the setting `snapshots` asks."""

from __future__ import annotations

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure
from microrepo.operations.snapshot.snapshot_creation import PresentState, free_name
from microrepo.operations.snapshot.snapshot_files import KeptBy, SnapshotFiles
from microrepo.operations.snapshot.snapshot_removal import remove_snapshots, superseded
from microrepo.state.pinned_snapshot import pinned_snapshot

_SHOWN = 5


def keep_after_refresh(config: Config, holdings: Holdings, work: WorkContext) -> None:
    """Keep what a refresh has changed as a snapshot, and delete old ones that refreshes made.

    A failure is reported; what the refresh did stays.
    """
    report, state = work.report, holdings.state
    if not state.changes.any(report.run, report.run):
        return
    if not holdings.links.files:
        report.warn("`snapshots` keeps nothing: no files are kept (`files`)")
        return
    try:
        _keep(config, holdings, work)
    except RepositoryError as error:
        report.failed.append(Failure("snapshot", str(error)))


def _keep(config: Config, holdings: Holdings, work: WorkContext) -> None:
    files = SnapshotFiles(holdings.directory.path)
    earlier = files.all()
    present = PresentState(holdings, work, writes=True)
    made = present.keep(free_name(files, work), KeptBy.REFRESH)
    left_out = present.left_out
    if left_out:
        named = ", ".join(one.what for one in left_out[:_SHOWN])
        more = ", ..." if len(left_out) > _SHOWN else ""
        work.report.warn(
            f"the snapshot {made.name} leaves out {len(left_out):,} damaged or missing files: "
            f"{named}{more}"
        )
    if earlier and earlier[-1].snapshot == made.snapshot:
        files.delete(made)  # only pages have changed
        return
    old = superseded(files.all(), {KeptBy.REFRESH}, config.snapshots)
    pinned = pinned_snapshot(holdings.state)
    going = [one for one in old if one.name != pinned]
    if going:
        remove_snapshots(holdings.directory, going, work)
