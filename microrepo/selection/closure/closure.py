"""Closure of many goals in many environments, computed step by step.

::

    closure = Closure(goals, environments, facts)
    while needs := closure.step():
        facts.add(...)  # everything in `needs`, fetched at once by the caller
    closure.resolutions, closure.failures

Each step returns all facts that any open goal may need, so that a chain of n dependencies costs
about 2n rounds, whatever the number of goals.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.distribution.filenames import parse_wheel_name
from microrepo.formats.requirements.requirement import stated_requirement
from microrepo.model import File, NormalizedName
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.facts import Facts, MetadataNeed, Needs
from microrepo.selection.resolver.goal_records import Goal, GoalKind, ResolveOptions
from microrepo.selection.resolver.resolution_records import GoalFailure, Resolution
from microrepo.selection.resolver.solver import DEFAULTS, resolve

_BUILD = " (build)"


class _Open:
    """A goal in an environment without a result so far."""

    __slots__ = ("environment", "goal")

    def __init__(self, goal: Goal, environment: Environment) -> None:
        self.goal = goal
        self.environment = environment


class Closure:
    """The closure of all goals in all environments, computed step by step.

    Attributes:
        facts: the known facts; the caller adds to them between steps.
        resolutions: results so far, in the order of goals and environments when finished.
        failures: unmet goals, each in its environment.
        rounds: number of steps that needed facts.
    """

    def __init__(
        self,
        goals: Iterable[Goal],
        environments: Iterable[Environment],
        facts: Facts,
        options: ResolveOptions = DEFAULTS,
        *,
        build_requirements: bool = False,
    ) -> None:
        self.facts = facts
        self.options = options
        self.build_requirements = build_requirements
        self.rounds = 0
        environments = tuple(environments)
        self._order: dict[tuple[Goal, str], None] = {}
        self._open: list[_Open] = []
        self._answers: dict[tuple[Goal, str], Resolution | GoalFailure] = {}
        self._unbuilt: dict[str, tuple[NormalizedName, File, Environment]] = {}
        self._built: set[tuple[str, str]] = set()
        for goal in goals:
            for environment in environments:
                self._add(goal, environment)

    def _add(self, goal: Goal, environment: Environment) -> None:
        key = (goal, environment.name)
        if key not in self._order:
            self._order[key] = None
            self._open.append(_Open(goal, environment))

    @property
    def resolutions(self) -> tuple[Resolution, ...]:
        """The met goals."""
        return tuple(answer for answer in self._sorted() if isinstance(answer, Resolution))

    @property
    def failures(self) -> tuple[GoalFailure, ...]:
        """The unmet goals."""
        return tuple(answer for answer in self._sorted() if isinstance(answer, GoalFailure))

    def _sorted(self) -> Iterable[Resolution | GoalFailure]:
        return (self._answers[key] for key in self._order if key in self._answers)

    def step(self) -> Needs:
        """Go as far as the facts allow; return the needed facts, empty when finished."""
        needs = Needs()
        while True:
            for found in self._advance():
                needs |= found
            needs |= self._plan_builds()
            if needs or not self._open:
                break
        self.rounds += bool(needs)
        return needs

    def _advance(self) -> list[Needs]:
        found = []
        still_open = []
        for pending in self._open:
            needs = self._answer(pending)
            if needs:
                found.append(needs)
                still_open.append(pending)
        self._open = still_open
        return [_merged(found)]

    def _answer(self, pending: _Open) -> Needs:
        answer = resolve(pending.goal, pending.environment, self.facts, self.options)
        if isinstance(answer, Needs):
            return answer
        self._answers[pending.goal, pending.environment.name] = answer
        if self.build_requirements and isinstance(answer, Resolution):
            self._note_sdists(answer, pending.environment)
        return Needs()

    def _note_sdists(self, answer: Resolution, environment: Environment) -> None:
        for pin in answer.pins:
            for file in pin.files:
                name = environment.name.removesuffix(_BUILD)
                if parse_wheel_name(file.filename) is None and (
                    (file.filename, name) not in self._built
                ):
                    self._built.add((file.filename, name))
                    self._unbuilt[f"{file.filename} {name}"] = (pin.project, file, environment)

    def _plan_builds(self) -> Needs:
        """Make goals of the source distributions whose build requirements are known."""
        needs = set()
        for key, (project, file, environment) in list(self._unbuilt.items()):
            metadata = self.facts.metadata.get(file.filename)
            if metadata is None:
                needs.add(MetadataNeed(project, file.filename))
                continue
            del self._unbuilt[key]
            target = build_environment(environment)
            try:
                goal = build_goal(file, metadata)
            except ValueError as error:
                goal = Goal(_build_name(file), (), kind=GoalKind.BUILD)
                self._order[goal, target.name] = None
                self._answers[goal, target.name] = GoalFailure(goal, target.name, (str(error),))
                continue
            if goal is not None:
                self._add(goal, target)
        return Needs(metadata=frozenset(needs))


def _merged(found: Iterable[Needs]) -> Needs:
    projects: set[NormalizedName] = set()
    metadata: set[MetadataNeed] = set()
    urls: set[str] = set()
    for needs in found:
        projects |= needs.projects
        metadata |= needs.metadata
        urls |= needs.urls
    return Needs(frozenset(projects), frozenset(metadata), frozenset(urls))


def build_goal(file: File, metadata: CoreMetadata | str) -> Goal | None:
    """Return the goal for a source distribution's build requirements; None without any.

    Raises:
        ValueError: a build requirement cannot be read.
    """
    requires = metadata.build_requires if isinstance(metadata, CoreMetadata) else None
    if not requires:
        return None
    origin = f"build-system of {file.filename}"
    stated = tuple(dict.fromkeys(map(stated_requirement, requires)))
    return Goal(_build_name(file), stated, origin=origin, kind=GoalKind.BUILD)


def _build_name(file: File) -> str:
    return f"build {file.filename}"


def build_environment(environment: Environment) -> Environment:
    """Return the environment in which source distributions are built for `environment`."""
    if environment.name.endswith(_BUILD):
        return environment
    return msgspec.structs.replace(environment, name=environment.name + _BUILD)
