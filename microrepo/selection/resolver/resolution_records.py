"""Answers of the resolver: chosen releases, failures and their reasons."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from msgspec import Struct

from microrepo.model import Cause, File, NormalizedName
from microrepo.selection.resolver.goal_records import Goal


class Edge(Struct, frozen=True, order=True):
    """Why a release is there: a requirement, and the release (``flask==3.0``) that states it.

    A parent of "" is the goal itself; `specifiers` are those of the requirement.
    """

    requirement: str
    parent: str
    specifiers: str = ""


class Pin(Struct, frozen=True):
    """One chosen release.

    Attributes:
        project: normalised name.
        version: as the index writes it.
        extras: the extras that somebody asks for.
        files: all its files that suit the environment, the best first.
        metadata_file: the file whose metadata was believed.
        guess: that metadata is a guess (a source distribution that only a build could read).
        sdist_only: no wheel suits the environment, so installing means building.
        edges: who requires it.
        url: where its file comes from, when a requirement names a URL.
    """

    project: NormalizedName
    version: str
    extras: tuple[str, ...]
    files: tuple[File, ...]
    metadata_file: str
    guess: bool
    sdist_only: bool
    edges: tuple[Edge, ...]
    url: str = ""

    @property
    def key(self) -> str:
        """``project==version``, which edges name as parent."""
        return f"{self.project}=={self.version}"


class RequiredBy(Struct, frozen=True, order=True):
    """One link of the chain from a file to a goal; the parent "" is the goal."""

    filename: str
    environment: str
    requirement: str
    parent: str
    goal: str


class UnmatchedRequirement(Struct, frozen=True):
    """A requirement without a match, where a mode goes on without one (``latest``, ``all``)."""

    requirement: str
    parent: str
    reasons: tuple[str, ...]


class Obstacle(str, Enum):
    """Why a release cannot be used: its own fault, the environment's, or the goal's options."""

    BROKEN = "broken"
    PYTHON = "python"
    PATCH = "patch release"
    FILES = "no file"
    OPTIONS = "options"


class PassedOver(Struct, frozen=True, order=True):
    """A newer release that cannot be used, so that an older one is taken.

    Attributes:
        why: in one line.
        obstacle: what kind of reason that is.
        blocks: an installer that meets it ends with an error instead of taking the older one.
    """

    project: NormalizedName
    version: str
    taken: str
    why: str
    obstacle: Obstacle
    blocks: bool = False


class Resolution(Struct, frozen=True):
    """The releases that meet a goal in an environment, by project.

    Attributes:
        unmet: requirements without a match, where the mode goes on without one.
        notes: doubts about the metadata of chosen releases.
        warnings: what an installer would warn of or refuse.
        passed_over: newer releases that cannot be used.
    """

    goal: Goal
    environment: str
    pins: tuple[Pin, ...]
    unmet: tuple[UnmatchedRequirement, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()

    def required_by(self) -> Iterator[RequiredBy]:
        """Yield one record for each file and each requirement that leads to it."""
        for pin in self.pins:
            for edge in pin.edges:
                for file in pin.files:
                    yield RequiredBy(
                        file.filename,
                        self.environment,
                        edge.requirement,
                        edge.parent,
                        self.goal.name,
                    )


class Blocked(Struct, frozen=True):
    """A release that would have matched, had a rule not left it out."""

    project: NormalizedName
    version: str
    rule: Cause
    detail: str = ""


class GoalFailure(Struct, frozen=True):
    """Why a goal cannot be met in an environment.

    Attributes:
        reasons: lines for people, the conflict first.
        blocked: releases that rules (dates, exclusions, filters) kept away.
    """

    goal: Goal
    environment: str
    reasons: tuple[str, ...]
    blocked: tuple[Blocked, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the rules that stood in the way."""
        return tuple(dict.fromkeys(block.rule.value for block in self.blocked))
