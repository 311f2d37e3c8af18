"""Finder of the present files that goals need: which a prune must keep, or that they install."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.model import File, Project
from microrepo.operations.closure.check import unmet_goals
from microrepo.operations.closure.held_records import HeldRecords
from microrepo.operations.closure.target_records import (
    environments_of,
    known_environments,
    options_of,
)
from microrepo.selection.closure.closure import Closure, build_environment
from microrepo.selection.closure.inapplicable_goals import (
    applies_in,
    inapplicable_goals,
    without_markers,
)
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.targets import named_environments
from microrepo.selection.resolver.goal_records import Goal
from microrepo.state import State
from microrepo.stores.flat_directory import FlatDirectory


class Needed(Struct, frozen=True):
    """Present files that goals need.

    Attributes:
        files: names of the files that the closure chose.
        projects: projects of these files.
        unmet: names of goals that are not met, with the environments.
    """

    files: frozenset[str]
    projects: frozenset[str]
    unmet: frozenset[tuple[str, str]]


def files_held_for(
    config: Config,
    state: State,
    directory: FlatDirectory,
    unmet: Iterable[tuple[Goal, str]],
    environments: Iterable[Environment],
) -> dict[str, str]:
    """Return files that meet goals which nothing new meets, by name, with the goal.

    Whatever brought them, and whatever the rules, the index and its yanked marks say by now: what
    was met yesterday must not be deleted before something better is there.
    """
    goals: dict[str, list[Goal]] = {}
    for goal, name in unmet:
        goals.setdefault(name, []).append(goal)
    if not goals:
        return {}
    supply = HeldRecords(state, directory, config, _unyanked, unlisted=True)
    found: dict[str, str] = {}
    for target in environments:
        for environment in (target, build_environment(target)):
            wanted = [
                # A goal can also be unmet because its markers are not true anywhere.
                goal if applies_in(goal, environment) else without_markers(goal)
                for goal in goals.pop(environment.name, ())
            ]
            closure = Closure(wanted, [environment], supply.facts, options_of(config, "solve"))
            while needs := closure.step():
                supply.answer(needs)
            for answer in closure.resolutions:
                for pin in answer.pins:
                    found.update((file.filename, answer.goal.name) for file in pin.files)
    return found


def _unyanked(project: Project) -> Iterable[File]:
    return (msgspec.structs.replace(file, yanked=False) for file in project.files)


def installed_files(
    config: Config,
    state: State,
    directory: FlatDirectory,
    goals: Sequence[Goal],
    only: Sequence[str] = (),
) -> tuple[set[str], tuple[str, ...]]:
    """Return the present files that goals install, one per release, and what is not met.

    Args:
        only: names of environments, or presets, to install in; empty for all environments.

    Raises:
        ConfigError: an environment is unknown.
    """
    known = known_environments(config, state)
    environments = named_environments(only, known) if only else known
    supply = HeldRecords(state, directory, config)
    closure = Closure(goals, environments, supply.facts, options_of(config, "solve"))
    while needs := closure.step():
        supply.answer(needs)
    chosen = {pin.files[0].filename for found in closure.resolutions for pin in found.pins}
    missing = (
        f"{one.goal} for {one.environment}: {'; '.join(one.reasons)}"
        for one in unmet_goals(closure)
    )
    return chosen, tuple(missing)


def needed_files(
    config: Config,
    state: State,
    directory: FlatDirectory,
    goals: Sequence[Goal],
    admits: Callable[[Project], Iterable[File]],
) -> Needed:
    """Run the closure on the present files that the rules accept."""
    supply = HeldRecords(state, directory, config, admits)
    environments = environments_of(config)
    closure = Closure(
        goals,
        environments,
        supply.facts,
        options_of(config),
        build_requirements=config.build_requirements,
    )
    while needs := closure.step():
        supply.answer(needs)
    pins = [pin for found in closure.resolutions for pin in found.pins]
    unmet = [(one.goal, one.environment) for one in closure.failures]
    unmet += [(one.goal, one.environment) for one in closure.resolutions if one.unmet]
    unmet += [(one.goal, one.environment) for one in inapplicable_goals(goals, environments)]
    held = files_held_for(config, state, directory, unmet, environments)
    return Needed(
        frozenset(file.filename for pin in pins for file in pin.files).union(held),
        frozenset(pin.project for pin in pins),
        frozenset((goal.name, name) for goal, name in unmet),
    )
