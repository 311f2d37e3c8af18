"""Deletion of snapshots, and of the contents that no snapshot protects any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from microrepo.config.schema import Config
from microrepo.errors import ConfigError, RepositoryError
from microrepo.formats.times import shift
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import RunReport
from microrepo.operations.run.session import open_session
from microrepo.operations.snapshot.snapshot_files import KeptBy, Snapshot, SnapshotFiles
from microrepo.reporting import Reporter, SilentReporter
from microrepo.state.pinned_snapshot import PINNED, pinned_snapshot
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.objects.protected_contents import ProtectedContents, StoredBytes


class RemovalReport(RunReport, frozen=True, kw_only=True):
    """Result of `microrepo snapshot delete` and `microrepo snapshot prune`.

    Attributes:
        snapshots: names of the deleted ones.
        freed: contents that no snapshot protects any more; `own_bytes` of them had no other name,
            so that their space is free now.
    """

    repository: str
    snapshots: tuple[str, ...] = ()
    freed: StoredBytes = StoredBytes()


def delete_snapshots(
    config: Config, names: Sequence[str], *, dry_run: bool = False, reporter: Reporter | None = None
) -> RemovalReport:
    """Delete snapshots by name; the files of the repository stay.

    Raises:
        ConfigError: a name is unknown, or the snapshot is pinned.
        Locked: another run holds the repository's lock.
    """
    files = SnapshotFiles(Path(config.repository))
    readable = {one.name: one for one in files.all()}
    chosen = [readable.get(name) or files.find(name) for name in names]
    return _remove(config, chosen, dry_run=dry_run, reporter=reporter)


def prune_snapshots(
    config: Config,
    *,
    keep: int | None,
    keep_days: float | None,
    now: str,
    everything: bool = False,
    dry_run: bool = False,
    reporter: Reporter | None = None,
) -> RemovalReport:
    """Delete old snapshots.

    Args:
        keep: how many of the newest stay.
        keep_days: those younger than this stay, too.
        now: the present.
        everything: also those that people made; otherwise only those of refreshes and restores.

    Raises:
        ConfigError: neither `keep` nor `keep_days` is given.
        Locked: another run holds the repository's lock.
    """
    if keep is None and keep_days is None:
        raise ConfigError("--keep or --keep-days is required")
    files = SnapshotFiles(Path(config.repository))
    by = frozenset(KeptBy) if everything else frozenset({KeptBy.REFRESH, KeptBy.RESTORE})
    since = None if keep_days is None else shift(now, -keep_days)
    chosen = superseded(files.all(), by, keep or 0, since)
    return _remove(config, chosen, dry_run=dry_run, reporter=reporter, spare_pinned=True)


def superseded(
    snapshots: Iterable[Snapshot], by: Iterable[KeptBy], keep: int, since: str | None = None
) -> list[Snapshot]:
    """Return the snapshots that are too many or too old.

    Args:
        snapshots: all, the oldest first.
        by: who made those that can go.
        keep: how many of these stay.
        since: those made later stay, too.
    """
    makers = {maker.value for maker in by}
    made = [one for one in snapshots if one.kept_by in makers and not one.problem]
    old = made[: max(0, len(made) - keep)]
    return [one for one in old if since is None or one.created < since]


def _remove(
    config: Config,
    chosen: Sequence[Snapshot],
    *,
    dry_run: bool,
    reporter: Reporter | None,
    spare_pinned: bool = False,
) -> RemovalReport:
    with open_session(
        config, "snapshot", reporter or SilentReporter(), read_only=dry_run
    ) as session:
        work, directory = session.work, session.holdings.directory
        pinned = pinned_snapshot(session.holdings.state)
        if pinned in {one.name for one in chosen} and not spare_pinned:
            raise ConfigError(
                f"{pinned}: refreshes are held at this snapshot. Run `microrepo snapshot unpin` "
                "first."
            )
        going = [one for one in chosen if one.name != pinned]
        freed = StoredBytes()
        if not dry_run:
            freed = remove_snapshots(directory, going, work)
    names = tuple(dict.fromkeys(one.name for one in going))
    return work.report.build_as(RemovalReport, snapshots=names, freed=freed)


def unpin_snapshot(config: Config, reporter: Reporter | None = None) -> str:
    """Let refreshes change the repository again.

    Returns:
        The snapshot that they were held at; "" if they were not.

    Raises:
        Locked: another run holds the repository's lock.
    """
    with open_session(config, "snapshot", reporter or SilentReporter()) as session:
        state = session.holdings.state
        pinned = pinned_snapshot(state)
        if pinned:
            with state.transaction():
                state.delete_meta(PINNED)
        return pinned


def remove_snapshots(
    directory: FlatDirectory, snapshots: Iterable[Snapshot], work: WorkContext
) -> StoredBytes:
    """Delete snapshots, then the contents that none of the others has.

    Raises:
        RepositoryError: they cannot be deleted.
    """
    files, store = SnapshotFiles(directory.path), ProtectedContents.of(directory.path)
    try:
        for one in snapshots:
            files.delete(one)
        files.clean()
        store.clean()
        kept: set[str] = set()
        for one in files.all():
            if one.problem:
                work.report.warn(
                    f"{one.name}: the snapshot cannot be read, so no content was deleted: "
                    f"{one.problem}"
                )
                return StoredBytes()
            kept |= files.contents(one.name)
        return store.delete(name for name in list(store.contents()) if name not in kept)
    except OSError as error:
        raise RepositoryError(
            directory.control, f"snapshots cannot be deleted: {disk_words(error)}"
        ) from error
