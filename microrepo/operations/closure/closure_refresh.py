"""Refresh with dependencies: resolve goals, transfer the files, check the result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from microrepo.config.schema import Config
from microrepo.model import File, NormalizedName
from microrepo.operations.closure.check import CheckReport, prove
from microrepo.operations.closure.closure_decisions import deciding_by_closure
from microrepo.operations.closure.closure_records import RecordSources
from microrepo.operations.closure.lock_files import Written, warnings_of, write_locks
from microrepo.operations.closure.needed_files import files_held_for
from microrepo.operations.closure.resolution import (
    Resolved,
    concerned_records,
    earlier_needs,
    remember_resolution,
    resolve_goals,
)
from microrepo.operations.closure.target_records import (
    options_of,
    record_environments,
    recorded_environments,
)
from microrepo.operations.closure.url_files import chosen_files, needed_before, with_files
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.operations.refresh.project_decisions import look
from microrepo.operations.refresh.refresh_run import Run
from microrepo.operations.refresh.upstream.change_detection import Changes
from microrepo.operations.refresh.upstream.own_pythons import with_own_pythons
from microrepo.selection.closure.closure import Closure
from microrepo.selection.closure.lock_sets import Locks, plan_locks
from microrepo.selection.closure.proof import deny, sdist_only
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.platform_patterns import omits_pure_wheels
from microrepo.selection.resolver.facts import Candidates, Facts, UrlFile
from microrepo.selection.resolver.goal_records import Goal, ResolveOptions
from microrepo.state import State
from microrepo.stores.flat_directory import FlatDirectory


def follow(
    goals: Sequence[Goal], config: Config, origins: RecordSources, run: Run, *, only_these: bool
) -> None:
    """Fill the repository with the closure of the goals, and check that it installs.

    Args:
        run: transfers, publishes and deletes files.
        only_these: do not change projects that the goals do not lead to.
    """
    holdings, work, rules = origins.holdings, origins.work, origins.rules
    holdings.scan()
    if omits_pure_wheels(rules.policy.platforms):
        work.report.warn(
            "platforms: skips pure Python wheels, which run on every platform; "
            'add "any" to keep them'
        )
    resolved = resolve_goals(config, origins, goals)
    earlier = earlier_needs(holdings.state, resolved, goals, only_these=only_these)
    unmet = [(one.goal, one.environment) for one in resolved.failures]
    unmet += [(one.goal, one.environment) for one in resolved.resolutions if one.unmet]
    held = config, holdings.state, holdings.directory
    kept = files_held_for(*held, unmet, resolved.environments)
    kept.update((row.filename, row.goal) for row in earlier)
    decide = deciding_by_closure(
        rules.policy,
        resolved.chosen(),
        kept,
        resolved.environments,
        work.now,
        resolved.candidates,
    )
    records = concerned_records(holdings.state, rules, resolved)
    concerned = with_own_pythons(holdings, work, records, decide)
    looked = look(work.report, rules, concerned, decide, goals_are_reported=True)
    direct = needed_before(holdings.state, earlier)
    for name, files in chosen_files(resolved.facts, resolved.resolutions).items():
        direct.setdefault(name, {}).update(files)
    if direct:
        reasons = {**kept, **resolved.chosen()}
        looked = with_files(
            looked, direct, reasons, resolved.resolutions, holdings.state, rules, work.now
        )
    run.keep(kept)
    run.keep_requested(() if resolved.complete else looked)
    run.carry(looked)
    if work.report.refused:
        return
    unneeded: tuple[NormalizedName, ...] = ()
    if config.prune and not only_these:
        names = {one.project.name for one in looked} | {row.name for row in resolved.settled}
        unneeded = _unneeded(holdings.state, work.report, names, complete=resolved.complete)
    run.end_projects(Changes((), unrequested=unneeded), resolved.gone)
    run.delete()
    if not work.report.dry_run:
        with holdings.state.transaction():
            rows = (*earlier, *resolved.requirers())
            holdings.state.save_projects(resolved.settled)
            holdings.state.save_requirers(rows, replace=True)
            if not only_these or not recorded_environments(holdings.state):
                record_environments(holdings.state, resolved.environments)
        remember_resolution(holdings.state, resolved)
        there = _files_there(
            holdings.state, holdings.directory, resolved, keeps=holdings.links.files
        )
        certain = there - _read_otherwise(holdings.state, resolved)

        def prove_again(doubtful: Sequence[Goal]) -> CheckReport:
            return prove(*held, doubtful, resolved.environments, any_hash=True)

        _prove(work.report, goals, resolved, certain, prove_again)
        if config.lock and holdings.links.files:
            options = options_of(config, "solve")
            locks = _locks(goals, resolved, _facts_there(resolved, there), options)
            place = Path(config.lock)
            written = write_locks(place, holdings.directory, holdings.state, locks)
            _report_locks(work.report, resolved, locks, written)


def _unneeded(
    state: State, report: ReportBuilder, names: set[NormalizedName], *, complete: bool
) -> tuple[NormalizedName, ...]:
    """Return known projects that no goal leads to; none if the closure is incomplete."""
    known = (NormalizedName(row[0]) for row in state.iter_known())
    others = tuple(name for name in known if name not in names)
    if others and not complete:
        report.warn(
            "old files of other projects were kept, because some requirements could not be resolved"
        )
        return ()
    return others


def _prove(
    report: ReportBuilder,
    goals: Sequence[Goal],
    resolved: Resolved,
    certain: Collection[str],
    prove_again: Callable[[Sequence[Goal]], CheckReport],
) -> None:
    """Check that the files present install.

    A resolution is proven if all its files arrived, and all installers read them alike. For the other goals the solver runs again, on
    the files present.
    """
    targets = {environment.name for environment in resolved.environments}
    report.sdist_only = [
        f"{one.project} {one.version} for {one.environment}"
        for one in sdist_only(resolved.resolutions)
        if one.environment in targets  # not an environment that only builds
    ]
    doubtful = {
        found.goal
        for found in resolved.resolutions
        if found.unmet
        or _asks_for_digests(found.goal)
        or not all(f.filename in certain for pin in found.pins for f in pin.files)
    }
    open_goals = [goal for goal in goals if goal in doubtful]
    if not open_goals:
        return
    proof = prove_again(open_goals)
    unmet = {(f.goal.name, f.environment) for f in resolved.failures}
    for missing in proof.missing:
        if (missing.goal, missing.environment) not in unmet:
            what = f"{missing.goal} for {missing.environment}"
            report.failed.append(Failure(what, "; ".join(missing.reasons)))


def _asks_for_digests(goal: Goal) -> bool:
    """Return whether goals require digests that sources may not list."""
    return any(
        not digest.startswith("sha256:")
        for one in (*goal.requirements, *goal.constraints)
        for digest in one.hashes
    )


def _files_there(
    state: State, directory: FlatDirectory, resolved: Resolved, *, keeps: bool
) -> set[str]:
    """Return the chosen files that are in the directory as they were verified."""
    names = {f.filename for r in resolved.resolutions for pin in r.pins for f in pin.files}
    if not keeps:
        return set(state.files_named(names))
    there = set()
    for name, row in state.files_named(names).items():
        disk = directory.stat(name)
        if disk and row.present and disk.matches(row):
            there.add(name)
    return there


def _read_otherwise(state: State, resolved: Resolved) -> set[str]:
    """Return the sdists beside which there are wheels for others, whose metadata uv reads."""
    built = [pin for found in resolved.resolutions for pin in found.pins if pin.sdist_only]
    rows = state.files(sorted({pin.project for pin in built})) if built else ()
    wheels = {row.project for row in rows if row.present and row.filename.endswith(".whl")}
    return {file.filename for pin in built if pin.project in wheels for file in pin.files}


def _locks(
    goals: Sequence[Goal], resolved: Resolved, facts: Facts, options: ResolveOptions
) -> Locks:
    """Return the sets that install together, from the chosen files that are present.

    A lock is always solved, whatever `resolve` is: it has one release of each project.
    """

    def close(goals: Sequence[Goal], environments: Sequence[Environment]) -> Closure:
        closure = Closure(goals, environments, facts, options)
        while needs := closure.step():
            deny(facts, needs)
        return closure

    return plan_locks(goals, resolved.environments, close)


def _report_locks(
    report: ReportBuilder, resolved: Resolved, locks: Locks, written: Written
) -> None:
    unmet = {(failure.goal.name, failure.environment) for failure in resolved.failures}
    for text in warnings_of(locks, unmet):
        report.warn(text)
    report.locks = list(written.paths)
    report.locks_changed = written.changed
    report.failed.extend(Failure(what, why) for what, why in written.errors)


def _facts_there(resolved: Resolved, there: Collection[str]) -> Facts:
    """Return the facts about the chosen files that are present, as if no others existed."""
    known = resolved.facts
    pins = [pin for found in resolved.resolutions for pin in found.pins]
    files = {f.filename: (pin.project, f) for pin in pins for f in pin.files if f.filename in there}
    projects: dict[NormalizedName, list[File]] = {}
    for project, file in files.values():
        projects.setdefault(project, []).append(file)
    return Facts(
        {project: Candidates(tuple(found)) for project, found in projects.items()},
        {name: known.metadata[name] for name in files if name in known.metadata},
        {
            url: found
            for url, found in known.urls.items()
            if isinstance(found, UrlFile) and found.file.filename in files
        },
    )
