"""Check whether requirements install from the repository, offline, from state and directory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.errors import Cancelled, RepositoryError
from microrepo.exit_codes import ExitCode
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.operations.closure.acceptance import Acceptance
from microrepo.operations.closure.held_records import HeldRecords
from microrepo.operations.closure.lock_files import warnings_of, write_locks
from microrepo.operations.closure.target_records import (
    known_environments,
    options_of,
)
from microrepo.operations.run.goals import Requests
from microrepo.publish.links import links_of
from microrepo.reporting import Reporter, SilentReporter
from microrepo.repositories.reading import open_for_reading
from microrepo.selection.closure.closure import Closure
from microrepo.selection.closure.inapplicable_goals import idle_goals, inapplicable_goals
from microrepo.selection.closure.lock_sets import plan_locks
from microrepo.selection.closure.proof import SdistOnly, sdist_only
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.targets import named_environments
from microrepo.selection.resolver.goal_records import Goal, Installer, bare_goals
from microrepo.selection.resolver.resolution_records import GoalFailure, Resolution
from microrepo.state import State
from microrepo.stores.flat_directory import FlatDirectory


class UnmetGoal(Struct, frozen=True):
    """One goal that cannot be installed in one environment."""

    goal: str
    environment: str
    reasons: tuple[str, ...]


class CheckReport(Struct, frozen=True):
    """Result of a check: can the goals be installed from the files present?

    Attributes:
        goals: number of goals checked, without those that are only for other environments.
        closed: there are goals, and all of them install in all environments.
        missing: goals that do not install, and why.
        sdist_only: releases that installers must build.
        locks: lock files that were written or were up to date.
        warnings: unknown extras, and goals that could not be locked.
        local_versions: by environment, the local version label of each project that is limited to
            one build. Clients must name it: installers prefer the highest.
    """

    repository: str
    environments: tuple[str, ...]
    goals: int
    closed: bool
    missing: tuple[UnmetGoal, ...]
    sdist_only: tuple[SdistOnly, ...]
    locks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    local_versions: dict[str, dict[str, str]] = {}

    @property
    def exit_code(self) -> int:
        """0 if closed, 3 if something is missing."""
        return ExitCode.DONE if self.closed else ExitCode.INCOMPLETE


def check(
    config: Config,
    requests: Requests,
    only: Sequence[str] = (),
    *,
    lock: bool = False,
    reporter: Reporter | None = None,
    cancel: threading.Event | None = None,
) -> CheckReport:
    """Check that all requests install from the repository, and report what is missing.

    Args:
        requests: requirements that must install; "everything" means each project present.
        only: names of environments, or presets; empty for all environments.
        lock: write the lock files of the settings, from the files present.
        reporter: receives the projects as they are checked.
        cancel: event that stops the check soon after it is set.

    Raises:
        Cancelled: `cancel` was set.
        ConfigError: an environment is unknown.
        RepositoryError: the state cannot be read, a killed run has left a state between two, or a
            lock file cannot be written.
    """
    directory = FlatDirectory(Path(config.repository))
    directory.refuse_begun_switch()
    with open_for_reading(directory.path) as state:
        goals = requests.goals
        if requests.requirements is None:
            supply = HeldRecords(state, directory, config)
            names = sorted({row.project for row in state.files() if supply.offers(row)})
            goals = bare_goals(parse_requirements(names))
        known = known_environments(config, state)
        environments = named_environments(only, known) if only else known
        watch = _watch(reporter or SilentReporter(), cancel)
        report = prove(config, state, directory, goals, environments, watch)
        report = _with_inapplicable(report, goals, environments, known)
        if lock and config.lock:
            report = _with_locks(report, config, state, directory, goals, environments)
        return report


def _watch(reporter: Reporter, cancel: threading.Event | None) -> Callable[[int], None]:
    """Return a progress callback, which raises if the check is cancelled."""

    def watch(count: int) -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled("check cancelled")
        reporter.expect_documents(count)
        for _ in range(count):
            reporter.document_done()

    return watch


def prove(
    config: Config,
    state: State,
    directory: FlatDirectory,
    goals: Sequence[Goal],
    environments: Sequence[Environment],
    watch: Callable[[int], None] = lambda _: None,
    *,
    any_hash: bool = False,
) -> CheckReport:
    """Run the closure only on the files that are present, as pip and, where it differs, uv would.

    `any_hash` also takes ``--hash`` algorithms that pip does not.
    """
    supply = HeldRecords(state, directory, config, offers_damaged=True)
    by_name = {environment.name: environment for environment in environments}
    acceptance = None
    if links_of(config, state, decides=False).files:
        acceptance = Acceptance(state, directory, any_hash=any_hash)

    def close(installer: Installer) -> Closure:
        # Installers use a pre-release where nothing else matches, whatever the settings keep.
        prereleases = config.prereleases or None
        options = msgspec.structs.replace(
            options_of(config), installer=installer, prereleases=prereleases
        )
        closure = Closure(goals, environments, supply.facts, options)
        while needs := closure.step():
            watch(len(needs.projects))
            supply.answer(needs)
        return closure

    def unmet(closure: Closure, also: Collection[str] = ()) -> Iterator[UnmetGoal]:
        blocking = supply.facts.blocking.union(also) - supply.damaged
        yield from unmet_goals(closure)
        for found in closure.resolutions:
            faults = tuple(_blocked(found, blocking))
            if acceptance is not None and not faults:
                faults = tuple(acceptance.faults(found, by_name[found.environment]))
            if faults and not found.unmet:
                yield UnmetGoal(found.goal.name, found.environment, faults)

    closure = close(Installer.PIP)
    missing = list(unmet(closure, supply.facts.blocking_pip))
    if supply.facts.contested:
        known = {(one.goal, one.environment) for one in missing}
        missing += [
            msgspec.structs.replace(one, reasons=(f"uv: {one.reasons[0]}", *one.reasons[1:]))
            for one in unmet(close(Installer.UV))
            if (one.goal, one.environment) not in known
        ]
    warnings = [text for found in closure.resolutions for text in found.warnings]
    return CheckReport(
        repository=config.repository,
        environments=tuple(environment.name for environment in environments),
        goals=len(goals),
        closed=not missing,
        missing=tuple(missing),
        sdist_only=sdist_only(closure.resolutions),
        warnings=tuple(dict.fromkeys(warnings)),
        local_versions={
            one.name: dict(one.local_versions) for one in environments if one.local_versions
        },
    )


def _with_inapplicable(
    report: CheckReport,
    goals: Sequence[Goal],
    environments: Sequence[Environment],
    known: Sequence[Environment],
) -> CheckReport:
    """Return a report in which goals that ask for nothing prove nothing.

    They are not met unless they apply in one of `known`, all environments of the repository.
    """
    idle = idle_goals(goals, environments)
    never = {
        (one.goal.name, one.environment): _unmet(one)
        for one in inapplicable_goals(goals, (*environments, *known))
        if one.environment in report.environments
    }
    missing = (*report.missing, *never.values())
    asked = len(goals) - len(idle) + len({name for name, _ in never})
    return msgspec.structs.replace(
        report,
        goals=asked,
        closed=asked > 0 and not missing,
        missing=missing,
    )


def _with_locks(
    report: CheckReport,
    config: Config,
    state: State,
    directory: FlatDirectory,
    goals: Sequence[Goal],
    environments: Sequence[Environment],
) -> CheckReport:
    supply = HeldRecords(state, directory, config)
    if not links_of(config, state, decides=False).files:
        raise RepositoryError(config.repository, "has no files to lock, because `files` is off")
    options = options_of(config, "solve")

    def close(goals: Sequence[Goal], environments: Sequence[Environment]) -> Closure:
        closure = Closure(goals, environments, supply.facts, options)
        while needs := closure.step():
            supply.answer(needs)
        return closure

    locks = plan_locks(goals, environments, close)
    written = write_locks(Path(config.lock or ""), directory, state, locks)
    for path, why in written.errors:
        raise RepositoryError(path, why)
    unmet = {(missing.goal, missing.environment) for missing in report.missing}
    warnings = (*report.warnings, *warnings_of(locks, unmet))
    return msgspec.structs.replace(report, locks=written.paths, warnings=warnings)


def _blocked(found: Resolution, blocking: Collection[str]) -> Iterator[str]:
    """Yield the files at which installers fail, chosen or not."""
    for one in found.passed_over:
        if one.blocks:
            yield f"{one.project} {one.version}: {one.why}; installers stop there"
    for pin in found.pins:
        if pin.files[0].filename in blocking:
            yield f"{pin.files[0].filename}: installers fail at it"


def unmet_goals(closure: Closure) -> Iterator[UnmetGoal]:
    """Yield the goals that a closure does not meet."""
    yield from map(_unmet, closure.failures)
    yield from _left_open(closure.resolutions)


def _unmet(failure: GoalFailure) -> UnmetGoal:
    return UnmetGoal(failure.goal.name, failure.environment, failure.reasons)


def _left_open(resolutions: Sequence[Resolution]) -> list[UnmetGoal]:
    return [
        UnmetGoal(
            found.goal.name, found.environment, (f"{open_.requirement}: no match", *open_.reasons)
        )
        for found in resolutions
        for open_ in found.unmet
    ]
