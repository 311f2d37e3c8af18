"""Goals that ask for nothing in any target environment, because of their markers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.presets import USUAL_PLATFORMS, environment_from_preset
from microrepo.selection.resolver.goal_records import Goal, GoalKind
from microrepo.selection.resolver.resolution_records import GoalFailure

_SHOWN_MARKERS = 3
_MINORS = range(7, 16)


def inapplicable_goals(
    goals: Iterable[Goal], environments: Sequence[Environment]
) -> tuple[GoalFailure, ...]:
    """Return the goals that ask for nothing by mistake, in each environment.

    A requirement for other machines, such as ``tomli; python_version < "3.11"``, is none, as long
    as other goals apply. A marker that is true on no usual machine has a typo; and if no goal
    applies, the environments are not those that the goals are for.
    """
    asked = [goal for goal in goals if goal.kind is not GoalKind.BUILD]
    idle = idle_goals(asked, environments)
    if len(idle) < len(asked):
        idle = [one for one in idle if not any(applies_in(one, each) for each in _usual())]
    return tuple(
        GoalFailure(goal, environment.name, (_why(goal),))
        for goal in idle
        for environment in environments
    )


def idle_goals(goals: Iterable[Goal], environments: Sequence[Environment]) -> list[Goal]:
    """Return the goals that ask for nothing in any of some environments."""
    return [
        goal
        for goal in goals
        if goal.kind is not GoalKind.BUILD
        and not any(applies_in(goal, environment) for environment in environments)
    ]


@lru_cache(maxsize=1)
def _usual() -> tuple[Environment, ...]:
    """Return environments of usual machines."""
    presets = (f"cp3{minor}-{platform}" for minor in _MINORS for platform in USUAL_PLATFORMS)
    return tuple(environment_from_preset(preset, preset) for preset in presets)


def applies_in(goal: Goal, environment: Environment) -> bool:
    """Return whether a goal asks for anything in an environment."""
    return not goal.requirements or any(
        environment.applies(one.marker) for one in goal.requirements
    )


def without_markers(goal: Goal) -> Goal:
    """Return a goal whose requirements apply everywhere."""
    bare = (msgspec.structs.replace(one, marker="") for one in goal.requirements)
    return msgspec.structs.replace(goal, requirements=tuple(bare))


def _why(goal: Goal) -> str:
    markers = list(dict.fromkeys(one.marker for one in goal.requirements))
    shown = ", ".join(markers[:_SHOWN_MARKERS])
    if len(markers) > _SHOWN_MARKERS:
        shown += f" and {len(markers) - _SHOWN_MARKERS} more"
    what = "its marker" if len(goal.requirements) == 1 else "no requirement applies:"
    verb = "is" if len(markers) == 1 else "are"
    return f"{what} {shown} {verb} not true in any target environment"
