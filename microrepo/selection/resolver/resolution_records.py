"""Results of the resolver: chosen releases, failures and their reasons."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from msgspec import Struct

from microrepo.model import Cause, File, NormalizedName
from microrepo.selection.resolver.goal_records import Goal


class Edge(Struct, frozen=True, order=True):
    """Why a release is chosen: a requirement, and the release (``flask==3.0``) that has it.

    A parent of "" is the goal itself; `specifiers` are those of the requirement.
    """

    requirement: str
    parent: str
    specifiers: str = ""


class Pin(Struct, frozen=True):
    """One chosen release.

    Attributes:
        project: normalised name.
        version: as the index spells it.
        extras: the required extras.
        files: all its files that fit the environment, best first.
        metadata_file: the file whose metadata was used.
        guess: the metadata is a guess (of a source distribution that only a build can read).
        sdist_only: no wheel fits the environment, so installers must build.
        edges: the requirements that lead to it.
        url: URL of its file, if a requirement names one.
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
        """``project==version``, the parent in edges."""
        return f"{self.project}=={self.version}"


class RequiredBy(Struct, frozen=True, order=True):
    """One link of the chain from a file to a goal; the parent "" is the goal."""

    filename: str
    environment: str
    requirement: str
    parent: str
    goal: str


class UnmatchedRequirement(Struct, frozen=True):
    """A requirement without a match, in modes that continue without one (``latest``, ``all``)."""

    requirement: str
    parent: str
    reasons: tuple[str, ...]


class Obstacle(str, Enum):
    """Why a release cannot be used: its metadata, the environment, or the goal's options."""

    BROKEN = "broken"
    PYTHON = "python"
    PATCH = "patch release"
    FILES = "no file"
    OPTIONS = "options"


class PassedOver(Struct, frozen=True, order=True):
    """A newer release that cannot be used, so that an older one is chosen.

    Attributes:
        why: the reason, in one line.
        obstacle: the kind of reason.
        blocks: installers fail at it instead of using the older one.
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
        unmet: requirements without a match, in modes that continue without one.
        notes: doubts about the metadata of chosen releases.
        warnings: what installers warn about or refuse.
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
    """A matching release that a rule excludes."""

    project: NormalizedName
    version: str
    rule: Cause
    detail: str = ""


class GoalFailure(Struct, frozen=True):
    """Why a goal cannot be met in an environment.

    Attributes:
        reasons: lines of text, the conflict first.
        blocked: matching releases that rules exclude.
        projects: the projects that no release could be chosen of.
    """

    goal: Goal
    environment: str
    reasons: tuple[str, ...]
    blocked: tuple[Blocked, ...] = ()
    projects: tuple[NormalizedName, ...] = ()

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of the rules that excluded matching releases."""
        return tuple(dict.fromkeys(block.rule.value for block in self.blocked))
