"""Goals of the resolver and how it resolves them: records."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Literal

from msgspec import Struct

from microrepo.formats.requirements.requirement import Requirement
from microrepo.formats.requirements.requirement_set import ANY_FORMAT, FormatControl

Mode = Literal["solve", "latest", "all"]


class GoalKind(Enum):
    """Where a goal comes from: one requirement by itself, a file, or a build."""

    BARE = "bare"
    FILE = "file"
    BUILD = "build"


class Goal(Struct, frozen=True, cache_hash=True):
    """Requirements that must install together.

    Attributes:
        name: for reports: the requirement, or the name of the file it comes from.
        requirements: what to install.
        constraints: limits on what is installed, without asking for anything.
        origin: where it was written, ``-r requirements.txt`` or ``packages``.
        formats: the kinds of files that may be used.
        prefer_binary: an older wheel is preferred to a newer source distribution.
        prereleases: pre-releases count as releases.
        requires_python: specifiers of the Pythons it is for; "" = any.
    """

    name: str
    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...] = ()
    origin: str = ""
    kind: GoalKind = GoalKind.FILE
    formats: FormatControl = ANY_FORMAT
    prefer_binary: bool = False
    prereleases: bool = False
    requires_python: str = ""


def bare_goals(
    requirements: Iterable[Requirement], constraints: tuple[Requirement, ...] = ()
) -> tuple[Goal, ...]:
    """Make a goal of each requirement: they need not agree with each other."""
    return tuple(
        Goal(str(one), (one,), constraints, origin="packages", kind=GoalKind.BARE)
        for one in dict.fromkeys(requirements)
    )


class ResolveOptions(Struct, frozen=True):
    """How to resolve.

    Attributes:
        mode: ``solve`` = one installable set, ``latest`` = the newest match of each requirement,
            ``all`` = every match.
        allow_urls: follow requirements of the form ``name @ url``.
        prereleases: take pre-releases as readily as releases.
        max_rounds: steps of the solver before it gives up.
    """

    mode: Mode = "solve"
    allow_urls: bool = False
    prereleases: bool = False
    max_rounds: int = 20_000
