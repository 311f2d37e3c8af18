"""Records: goals of the resolver, and its options."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Literal

from msgspec import Struct

from microrepo.formats.requirements.requirement import Requirement
from microrepo.formats.requirements.requirement_set import ANY_FORMAT, FormatControl

Mode = Literal["solve", "latest", "all"]


class Installer(Enum):
    """An installer whose choices are foretold."""

    PIP = "pip"
    UV = "uv"


class GoalKind(Enum):
    """Origin of a goal: a single requirement, a file, or a build."""

    BARE = "bare"
    FILE = "file"
    BUILD = "build"


class Goal(Struct, frozen=True, cache_hash=True):
    """Requirements that must install together.

    Attributes:
        name: the requirement, or the name of its file, for reports.
        requirements: requirements to install.
        constraints: limits on versions, which install nothing.
        origin: ``-r requirements.txt`` or ``packages``.
        formats: allowed kinds of files.
        prefer_binary: prefer an older wheel to a newer source distribution.
        prereleases: pre-releases count as releases.
        requires_hashes: every file must match a digest of the goal.
        requires_python: specifiers of its Pythons; "" for any.
    """

    name: str
    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...] = ()
    origin: str = ""
    kind: GoalKind = GoalKind.FILE
    formats: FormatControl = ANY_FORMAT
    prefer_binary: bool = False
    prereleases: bool = False
    requires_hashes: bool = False
    requires_python: str = ""


def bare_goals(
    requirements: Iterable[Requirement], constraints: tuple[Requirement, ...] = ()
) -> tuple[Goal, ...]:
    """Return one goal per requirement; they need not be compatible."""
    return tuple(
        Goal(str(one), (one,), constraints, origin="packages", kind=GoalKind.BARE)
        for one in dict.fromkeys(requirements)
    )


class ResolveOptions(Struct, frozen=True):
    """Options of the resolver.

    Attributes:
        mode: ``solve`` = one installable set, ``latest`` = the newest match of each requirement,
            ``all`` = every match.
        allow_urls: follow requirements of the form ``name @ url``.
        prereleases: True = treat pre-releases like releases; False = use one only if a requirement
            names one; None = also where nothing else matches.
        max_rounds: maximum number of solver steps.
        installer: choose as this installer would; None = the best that any of them can use.
    """

    mode: Mode = "solve"
    allow_urls: bool = False
    prereleases: bool | None = None
    max_rounds: int = 20_000
    installer: Installer | None = None
