"""Health of a mirror: age and problems, from the state only, for monitors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.exit_codes import ExitCode
from microrepo.model import NormalizedName
from microrepo.operations.advisories.advisory_age import advisories_as_of, advisory_problem
from microrepo.operations.monitor.free_space import free_space
from microrepo.operations.monitor.last_import import LastImport, import_problems, last_import
from microrepo.repositories.reading import open_for_reading
from microrepo.state import RunRow, State
from microrepo.state.pinned_snapshot import pinned_snapshot
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.lock import holder_of
from microrepo.stores.objects.protected_contents import ProtectedContents

_SHOWN_PROJECTS = 100
# Only a refresh brings what a refresh lacked; what `verify` found, either of them can settle.
_REPAIRING = (frozenset({"refresh"}), frozenset({"refresh", "verify"}))
_AN_END = frozenset({ExitCode.DONE, ExitCode.INCOMPLETE})


class FailingProject(Struct, frozen=True):
    """A project whose last attempt failed, and the time of the next."""

    name: NormalizedName
    error: str
    failures: int
    checked_at: str | None = None
    retry_at: str | None = None


class LastRun(Struct, frozen=True, omit_defaults=True):
    """A recorded run; `exit_code` is None until it has finished."""

    run: int
    operation: str
    started_at: str
    ended_at: str | None = None
    exit_code: int | None = None
    seconds: float = 0.0
    downloaded: int = 0
    downloaded_bytes: int = 0
    deleted: int = 0
    failed: int = 0
    refused: str = ""


class Health(Struct, frozen=True):
    """Health of a mirror; times in seconds, sizes in bytes.

    Attributes:
        exit_code: 0 fine, 1 failed or too old, 3 something is missing.
        problems: as text, the most serious first.
        age_s: time since the start of the last refresh that processed the source's whole list; None
            without one.
        last_refresh: that refresh.
        last_run: the newest finished run of any command.
        running: the running command; None without one.
        projects: number of known projects; `failing` of them failed at the last attempt, `waiting`
            of these are not retried yet.
        damaged: files that `verify` found damaged and that are not repaired.
        unpublished: projects whose pages are older than their files.
        free_bytes, free_inodes: free space of the file system; None if unknown.
        snapshot_bytes: bytes of contents that only snapshots hold.
        pinned: the snapshot that refreshes are held at; "" without one.
        failing_projects: the first failing projects.
        import_age_s: time since the last import of a bundle; None without one.
        last_import: that import, and what happened to bundles since.
        advisories_as_of: time of the kept advisories; None without any.
    """

    repository: str
    exit_code: int
    problems: tuple[str, ...]
    checked_at: str
    age_s: float | None
    last_refresh: LastRun | None
    last_run: LastRun | None
    running: str | None
    projects: int
    files: int
    size_bytes: int
    failing: int
    waiting: int
    damaged: int
    unpublished: int
    free_bytes: int | None
    free_inodes: int | None
    failing_projects: tuple[FailingProject, ...] = ()
    snapshot_bytes: int = 0
    pinned: str = ""
    import_age_s: float | None = None
    last_import: LastImport | None = None
    advisories_as_of: str | None = None


class _Summary(Struct):
    """The fields of a run's report that are read."""

    seconds: float = 0.0
    refused: str = ""
    interrupted: bool = False


def health(config: Config, max_age_s: float) -> Health:
    """Return the health of a repository; works during a run and on read-only media.

    Args:
        config: complete settings.
        max_age_s: age in seconds above which a mirror is stale.

    Raises:
        RepositoryError: the directory does not exist, or its state cannot be read.
    """
    with open_for_reading(config.repository) as state:
        directory = FlatDirectory(Path(config.repository))
        return examine(state, directory, now(), max_age_s, config)


def examine(
    state: State, directory: FlatDirectory, moment: str, max_age_s: float, config: Config
) -> Health:
    """Return the health from an open state; `moment` is the current time."""
    running = _running(state, directory)
    last_run, last_refresh = _last_runs(state)
    telling = _telling_runs(state, last_run)
    watch = state.watch
    files, size_bytes = watch.present()
    failing, waiting = watch.failing_counts(moment)
    age_s = None if last_refresh is None else _seconds_between(last_refresh.started_at, moment)
    imported = last_import(directory)
    imported_at = imported.imported_at if imported else ""
    import_age_s = _seconds_between(imported_at, moment) if imported_at else None
    damaged, unpublished = watch.damaged(), watch.unpublished() if config.simple else 0
    free_bytes, free_inodes = free_space(directory.path)
    too_old = _age_problem(age_s, import_age_s, max_age_s)
    as_of = advisories_as_of(directory.path)
    stale = advisory_problem(as_of, moment, config)
    grave = _grave_problems(state, telling, running, filter(None, (too_old, stale)))
    missing = _lesser_problems(telling, failing, damaged, 0 if running else unpublished)
    missing += import_problems(imported)
    if not running and (words := directory.begun_switch()):
        missing.append(words)
    return Health(
        repository=str(directory.path),
        exit_code=ExitCode.FAILED if grave else ExitCode.INCOMPLETE if missing else ExitCode.DONE,
        problems=(*grave, *missing),
        checked_at=moment,
        age_s=age_s,
        last_refresh=last_refresh,
        last_run=last_run,
        running=running,
        projects=watch.count_projects(),
        files=files,
        size_bytes=size_bytes,
        failing=failing,
        waiting=waiting,
        damaged=damaged,
        unpublished=unpublished,
        free_bytes=free_bytes,
        free_inodes=free_inodes,
        failing_projects=tuple(
            FailingProject(NormalizedName(name), error, failures, checked_at, retry_at)
            for name, error, failures, checked_at, retry_at in watch.failing(_SHOWN_PROJECTS)
        ),
        snapshot_bytes=ProtectedContents.of(directory.path).measure().own_bytes,
        pinned=pinned_snapshot(state),
        import_age_s=import_age_s,
        last_import=imported,
        advisories_as_of=as_of,
    )


def _grave_problems(
    state: State, runs: Sequence[LastRun], running: str | None, too_old: Iterable[str]
) -> list[str]:
    problems = []
    damage = state.meta("damaged")
    if damage:
        problems.append(f"the state is damaged: {damage}")
    problems.extend(too_old)
    for run in runs:
        if run.exit_code in {ExitCode.FAILED, ExitCode.USAGE}:
            why = f": {run.refused}" if run.refused else ""
            problems.append(f"the last run ({run.operation}) failed{why}")
    if running is None and state.meta("running"):
        problems.append("the last run was killed before it finished")
    return problems


def _age_problem(age_s: float | None, import_age_s: float | None, max_age_s: float) -> str:
    """Return how old the newest content is, if it is too old; else ""."""
    if age_s is None and import_age_s is None:
        return "no refresh has succeeded yet"
    if age_s is None or (import_age_s is not None and import_age_s < age_s):
        age, what = import_age_s or 0.0, "the last import was"
    else:
        age, what = age_s, "the last successful refresh began"
    return f"{what} {span(age)} ago" if age > max_age_s else ""


def _lesser_problems(
    runs: Sequence[LastRun], failing: int, damaged: int, unpublished: int
) -> list[str]:
    problems = [
        f"the last run ({run.operation}) is incomplete"
        for run in runs
        if run.exit_code == ExitCode.INCOMPLETE
    ]
    if failing:
        problems.append(f"{_count(failing, 'project')} failed when last tried")
    if damaged:
        problems.append(
            f"{_count(damaged, 'file')} damaged or missing; run `microrepo verify --repair`"
        )
    if unpublished:
        problems.append(
            f"pages older than the files in {_count(unpublished, 'project')}; run `microrepo refresh`"
        )
    return problems


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def _last_runs(state: State) -> tuple[LastRun | None, LastRun | None]:
    """Return the newest finished run, and the newest refresh that processed the whole list."""
    newest: LastRun | None = None
    for row in state.ended_runs():
        run = _summary_of(row)
        newest = newest or run
        if run.operation == "refresh" and run.exit_code in _AN_END:
            return newest, run
    return newest, None


def _telling_runs(state: State, last_run: LastRun | None) -> tuple[LastRun, ...]:
    """Return the newest finished run, and the newest ones that could complete what failed before."""
    if last_run is None:
        return ()
    telling = {last_run.run: last_run}
    for commands in _REPAIRING:
        newest = next((row for row in state.ended_runs() if row.command in commands), None)
        if newest is not None:
            telling.setdefault(newest.id, _summary_of(newest))
    return tuple(telling.values())


def _summary_of(row: RunRow) -> LastRun:
    try:
        report = msgspec.json.decode(row.report or "{}", type=_Summary)
    except msgspec.DecodeError:
        report = _Summary()
    return LastRun(
        run=row.id,
        operation=row.command,
        started_at=row.started_at,
        ended_at=row.ended_at,
        exit_code=row.exit_code,
        seconds=report.seconds,
        downloaded=row.totals.downloaded,
        downloaded_bytes=row.totals.downloaded_bytes,
        deleted=row.totals.deleted,
        failed=row.totals.failed,
        refused=report.refused,
    )


def _running(state: State, directory: FlatDirectory) -> str | None:
    """Return the running command, None without one."""
    holder = holder_of(directory) if state.meta("running") else None
    return str(holder) if holder is not None and holder.is_alive() else None


def _seconds_between(earlier: str, later: str) -> float:
    first, second = (datetime.fromisoformat(t.replace("Z", "+00:00")) for t in (earlier, later))
    return max(0.0, (second - first).total_seconds())


def span(seconds: float) -> str:
    """Return a duration in one suitable unit: ``26 hours``, ``3 days``."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return "1 second" if round(seconds) == 1 else f"{seconds:.0f} seconds"
