"""Check: is what the repository holds enough to install from? Offline, from state and directory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.errors import Cancelled, ConfigError, MicrorepoError, RepositoryError
from microrepo.exit_codes import ExitCode
from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.requirements.direct_urls import parse_direct_url
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.model import File, NormalizedName, Project
from microrepo.operations.closure.lock_files import warnings_of, write_locks
from microrepo.operations.closure.resolution import environments_of
from microrepo.operations.closure.url_files import held_url_file, is_behind
from microrepo.operations.run.goals import Requests
from microrepo.publish.links import links_of
from microrepo.reporting import Reporter, SilentReporter
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.closure import Closure
from microrepo.selection.resolver.facts import (
    Candidates,
    Facts,
    Failure,
    Goal,
    MetadataNeed,
    Needs,
    Options,
    Resolution,
    UrlFile,
    bare_goals,
)
from microrepo.selection.resolver.lock_sets import plan_locks
from microrepo.selection.resolver.proof import SdistOnly, sdist_only
from microrepo.state import FileRow, State, read_state
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.download.remote_metadata import read_distribution, unpack_metadata


class Unmet(Struct, frozen=True):
    """One goal that cannot be installed in one environment."""

    goal: str
    environment: str
    reasons: tuple[str, ...]


class CheckReport(Struct, frozen=True):
    """Whether goals can be installed from what is there.

    Attributes:
        goals: how many were checked, in each of `environments`.
        closed: all of them install in all environments.
        missing: those that do not, and why.
        sdist_only: releases that an installer would have to build.
        locks: lock files that were written, or were up to date.
        warnings: what could not be locked.
    """

    repository: str
    environments: tuple[str, ...]
    goals: int
    closed: bool
    missing: tuple[Unmet, ...]
    sdist_only: tuple[SdistOnly, ...]
    locks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when closed, 3 when something is missing."""
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
    """Prove that everything requested installs from the repository, or say what is missing.

    Args:
        config: complete settings.
        requests: what shall install; for everything, each project that is there.
        only: names of the environments to check; all when empty.
        lock: write lock files where the settings say, from what is there.
        reporter: told of projects as they are looked at.
        cancel: when it is set, the check ends soon.

    Raises:
        Cancelled: the caller wanted that.
        ConfigError: an environment is unknown.
        RepositoryError: the state cannot be read, or a lock file cannot be written.
    """
    directory = FlatDirectory(Path(config.repository))
    state = read_state(directory.state_file)
    try:
        goals = requests.goals
        if requests.requirements is None:
            supply = _Present(state, directory, config)
            names = sorted({row.project for row in state.files() if supply.has(row)})
            goals = bare_goals(parse_requirements(names))
        environments = _chosen(environments_of(config), only)
        watch = _watch(reporter or SilentReporter(), cancel)
        report = prove(config, state, directory, goals, environments, watch)
        if lock and config.lock:
            report = _with_locks(report, config, state, directory, goals, environments)
        return report
    finally:
        state.close()


def _chosen(environments: Sequence[Environment], only: Sequence[str]) -> tuple[Environment, ...]:
    names = {environment.name for environment in environments}
    for name in only:
        if name not in names:
            raise ConfigError(f"no environment {name!r}; there are {', '.join(sorted(names))}")
    return tuple(e for e in environments if not only or e.name in only)


def _watch(reporter: Reporter, cancel: threading.Event | None) -> Callable[[int], None]:
    """Return what is told of projects that are about to be looked at; it may end the check."""

    def watch(count: int) -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled("the check was cancelled")
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
) -> CheckReport:
    """Run the closure on the files that are present alone."""
    supply = _Present(state, directory, config)
    options = Options(config.resolve, config.allow_urls, config.prereleases)
    closure = Closure(goals, environments, supply.facts, options)
    while needs := closure.step():
        watch(len(needs.projects))
        supply.answer(needs)
    missing = [*map(_unmet, closure.failures), *_left_open(closure.resolutions)]
    return CheckReport(
        repository=config.repository,
        environments=tuple(environment.name for environment in environments),
        goals=len(goals),
        closed=not missing,
        missing=tuple(missing),
        sdist_only=sdist_only(closure.resolutions),
    )


class Needed(Struct, frozen=True):
    """What goals need of the files that are there.

    Attributes:
        files: names of the files that the closure chooses.
        projects: of which it chooses some.
        unmet: goals with the environments in which they are not met.
    """

    files: frozenset[str]
    projects: frozenset[str]
    unmet: frozenset[tuple[str, str]]


def needed_files(
    config: Config,
    state: State,
    directory: FlatDirectory,
    goals: Sequence[Goal],
    admits: Callable[[Project], Iterable[File]],
) -> Needed:
    """Run the closure on the files that are there and that the rules admit."""
    supply = _Present(state, directory, config, admits)
    options = Options(config.resolve, config.allow_urls, config.prereleases)
    closure = Closure(
        goals,
        environments_of(config),
        supply.facts,
        options,
        build_requirements=config.build_requirements,
    )
    while needs := closure.step():
        supply.answer(needs)
    pins = [pin for found in closure.resolutions for pin in found.pins]
    unmet = [*map(_unmet, closure.failures), *_left_open(closure.resolutions)]
    return Needed(
        frozenset(file.filename for pin in pins for file in pin.files),
        frozenset(pin.project for pin in pins),
        frozenset((one.goal, one.environment) for one in unmet),
    )


def _with_locks(
    report: CheckReport,
    config: Config,
    state: State,
    directory: FlatDirectory,
    goals: Sequence[Goal],
    environments: Sequence[Environment],
) -> CheckReport:
    supply = _Present(state, directory, config)
    if not links_of(config, state, decides=False).files:
        raise RepositoryError(config.repository, "keeps no files (`files`), so none can be locked")
    options = Options("solve", config.allow_urls, config.prereleases)

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
    warnings = tuple(warnings_of(locks, unmet))
    return msgspec.structs.replace(report, locks=written.paths, warnings=warnings)


def _unmet(failure: Failure) -> Unmet:
    return Unmet(failure.goal.name, failure.environment, failure.reasons)


def _left_open(resolutions: Sequence[Resolution]) -> list[Unmet]:
    return [
        Unmet(
            found.goal.name, found.environment, (f"{open_.requirement}: no match", *open_.reasons)
        )
        for found in resolutions
        for open_ in found.unmet
    ]


class _Present:
    """Facts about the files that lie in the directory, read when they are asked for."""

    def __init__(
        self,
        state: State,
        directory: FlatDirectory,
        config: Config,
        admits: Callable[[Project], Iterable[File]] = lambda project: project.files,
    ) -> None:
        self._admits = admits
        self._state = state
        self._files = links_of(config, state, decides=False).files
        self._directory = directory
        self.facts = Facts()

    def answer(self, needs: Needs) -> None:
        """Add what is there; what is not there counts as not existing."""
        self.facts.add(
            projects=self._projects(sorted(needs.projects)),
            metadata={need.filename: self._metadata(need) for need in needs.metadata},
            urls={url: self._behind(url) for url in sorted(needs.urls)},
        )

    def has(self, row: FileRow) -> bool:
        """Tell whether a file is there; in an index without files, whether it is listed."""
        if not self._files:
            return True
        return row.present and self._directory.stat(row.filename) is not None

    def _projects(self, names: Sequence[NormalizedName]) -> dict[NormalizedName, Candidates | None]:
        documents = self._state.documents(names)
        present = {row.filename for row in self._state.files(names) if self.has(row)}
        found: dict[NormalizedName, Candidates | None] = dict.fromkeys(names)
        for name, project in documents.items():
            files = tuple(file for file in self._admits(project) if file.filename in present)
            if files:
                found[NormalizedName(name)] = Candidates(files)
        return found

    def _behind(self, url: str) -> UrlFile | str:
        """Return the held file that a direct URL leads to."""
        file = parse_direct_url(url)
        if isinstance(file, str):
            return file
        row = self._state.files_named([file.filename]).get(file.filename)
        if row is None or not self.has(row) or not is_behind(row, file):
            return "what is behind it is not in the repository"
        metadata = self._metadata(MetadataNeed(row.project, row.filename))
        return metadata if isinstance(metadata, str) else held_url_file(row, metadata)

    def _metadata(self, need: MetadataNeed) -> CoreMetadata | str:
        stored = self._state.metadata([need.filename]).get(need.filename)
        if stored is not None:
            return unpack_metadata(stored[1])
        try:
            with self._directory.file(need.filename).open("rb") as stream:
                return read_distribution(stream, need.filename)
        except (OSError, MicrorepoError, ValueError) as error:
            return f"its metadata cannot be read: {error}"
