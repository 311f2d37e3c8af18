"""What the closure asks for, what it is given, and what it answers: records, no logic.

A goal is solved against facts. A fact that is not there yet is not an error: the answer is then
`Needs`, and the question is asked again when they are met.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Literal

from msgspec import Struct

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.requirements.requirement import Requirement
from microrepo.formats.requirements.requirement_set import ANY_FORMAT, FormatControl
from microrepo.model import Cause, Decision, File, NormalizedName

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


class Options(Struct, frozen=True):
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


class Candidates(Struct, frozen=True):
    """The files of one project.

    Attributes:
        files: those that pass the core filters; yanked files and pre-releases may be among them,
            since whether they count depends on who asks.
        rejected: what the rules said of the others, to explain a failure.
    """

    files: tuple[File, ...]
    rejected: tuple[Decision, ...] = ()


class UrlFile(Struct, frozen=True):
    """What stands behind a direct URL requirement."""

    file: File
    metadata: CoreMetadata


class MetadataNeed(Struct, frozen=True, order=True):
    """A file whose metadata must be known."""

    project: NormalizedName
    filename: str


class Needs(Struct, frozen=True):
    """Facts to be fetched, all of which may be asked for at the same time."""

    projects: frozenset[NormalizedName] = frozenset()
    metadata: frozenset[MetadataNeed] = frozenset()
    urls: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.projects or self.metadata or self.urls)

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            self.projects | other.projects, self.metadata | other.metadata, self.urls | other.urls
        )


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


class Unmet(Struct, frozen=True):
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
    unmet: tuple[Unmet, ...] = ()
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


class Failure(Struct, frozen=True):
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


class Facts:
    """All that is known by now; it only ever grows.

    Attributes:
        projects: files of each project; None for one that does not exist.
        metadata: by file name: metadata, or the reason why there is none.
        urls: the same for direct URLs.
        repaired: names of files whose requirements had to be repaired.
        blocking: names of files at which an installer ends with an error.
    """

    def __init__(
        self,
        projects: Mapping[NormalizedName, Candidates | None] | None = None,
        metadata: Mapping[str, CoreMetadata | str] | None = None,
        urls: Mapping[str, UrlFile | str] | None = None,
    ) -> None:
        self.projects: dict[NormalizedName, Candidates | None] = {}
        self.metadata: dict[str, CoreMetadata | str] = {}
        self.urls: dict[str, UrlFile | str] = {}
        self.repaired: set[str] = set()
        self.blocking: set[str] = set()
        self.views: dict[object, object] = {}
        self.add(projects or {}, metadata or {}, urls or {})

    def add(
        self,
        projects: Mapping[NormalizedName, Candidates | None] | None = None,
        metadata: Mapping[str, CoreMetadata | str] | None = None,
        urls: Mapping[str, UrlFile | str] | None = None,
    ) -> None:
        """Learn more; a fact that is known already must not change."""
        self.projects.update(projects or {})
        self.urls.update(urls or {})
        for filename, found in (metadata or {}).items():
            self.metadata[filename] = found
            if not isinstance(found, str) and not found.strict:
                self.repaired.add(filename)
