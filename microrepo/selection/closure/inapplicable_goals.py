"""Goals that ask for nothing in any target environment, because of their markers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.goal_records import Goal, GoalKind
from microrepo.selection.resolver.resolution_records import GoalFailure

_SHOWN_MARKERS = 3


def inapplicable_goals(
    goals: Iterable[Goal], environments: Sequence[Environment]
) -> tuple[GoalFailure, ...]:
    """Return the goals without a requirement that applies anywhere, in each environment.

    Installers succeed there and install nothing, which is not what the goal was named for: mostly,
    the marker has a typo or the environment is missing.
    """
    return tuple(
        GoalFailure(goal, environment.name, (_why(goal),))
        for goal in goals
        if goal.kind is not GoalKind.BUILD
        and not any(applies_in(goal, environment) for environment in environments)
        for environment in environments
    )


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
