"""Planner of lock files: one set of releases per environment and group. Pure.

Each requirements file is a group. The bare requirements are one group if a set exists that has them
all; otherwise each is its own group.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import PurePath

import msgspec
from msgspec import Struct

from microrepo.selection.closure.closure import Closure
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.goal_records import Goal, GoalKind
from microrepo.selection.resolver.resolution_records import GoalFailure, Resolution

Close = Callable[[Sequence[Goal], Sequence[Environment]], Closure]
_UNFIT = re.compile(r"[^A-Za-z0-9_]+")


class LockedSet(Struct, frozen=True):
    """A set of releases that install together.

    Attributes:
        filename: name of its lock file, see PEP 751.
        goals: its goals: requirements and names of files.
        resolution: the releases.
        lacks: unmet goals that belong to it.
    """

    filename: str
    goals: tuple[str, ...]
    environment: Environment
    resolution: Resolution
    lacks: tuple[str, ...] = ()


class Locks(Struct, frozen=True):
    """Planned lock files.

    Attributes:
        sets: one set per lock file.
        apart: environments in which no set has all bare requirements, with the reasons.
        unmet: unmet goals, which are in no lock file.
    """

    sets: tuple[LockedSet, ...]
    apart: tuple[GoalFailure, ...] = ()
    unmet: tuple[GoalFailure, ...] = ()


def plan_locks(goals: Sequence[Goal], environments: Sequence[Environment], close: Close) -> Locks:
    """Choose the sets for lock files.

    Args:
        goals: the requested goals.
        environments: the target environments.
        close: resolves goals in environments; it must use the mode ``solve``.
    """
    each = close(goals, environments)
    found = {(one.goal, one.environment): one for one in each.resolutions if not one.unmet}
    names = _Names()
    sets: list[LockedSet] = []
    apart: list[GoalFailure] = []
    for environment in environments:
        met = [goal for goal in goals if (goal, environment.name) in found]
        bare = [goal for goal in met if goal.kind is GoalKind.BARE]
        files = [goal for goal in met if goal.kind is not GoalKind.BARE]
        together = _together(bare, environment, close)
        if isinstance(together, Resolution):
            texts = tuple(goal.name for goal in bare)
            lacks = tuple(
                goal.name for goal in goals if goal.kind is GoalKind.BARE and goal not in met
            )
            filename = names.take(environment.name)
            sets.append(LockedSet(filename, texts, environment, together, lacks))
        elif isinstance(together, GoalFailure):
            apart.append(together)
            files = [*bare, *files]
        for goal in files:
            name = names.take(environment.name, _stem(goal))
            answer = found[goal, environment.name]
            sets.append(LockedSet(name, (goal.name,), environment, answer))
    return Locks(tuple(sets), tuple(apart), each.failures)


def _together(
    bare: Sequence[Goal], environment: Environment, close: Close
) -> Resolution | GoalFailure | None:
    """Return a set with all bare requirements, or why none exists; None without requirements."""
    if not bare:
        return None
    wanted = tuple(dict.fromkeys(one for goal in bare for one in goal.requirements))
    together = msgspec.structs.replace(bare[0], name="packages", requirements=wanted)
    closure = close([together], [environment])
    for answer in closure.resolutions:
        return answer
    return closure.failures[0]


def _stem(goal: Goal) -> str:
    """Return the part of a lock file's name that identifies its goal."""
    if goal.kind is GoalKind.BARE:
        return goal.name
    name = PurePath(goal.name)
    return name.name.removesuffix(name.suffix).removeprefix("pylock.") or name.name


class _Names:
    """Generator of unique file names without dots between the two of PEP 751."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, *parts: str) -> str:
        text = "-".join(_slug(part) for part in parts)
        number, free = 1, text
        while free.casefold() in self._taken:
            number += 1
            free = f"{text}-{number}"
        self._taken.add(free.casefold())
        return f"pylock.{free}.toml"


def _slug(text: str) -> str:
    return _UNFIT.sub("-", text).strip("-") or "x"
