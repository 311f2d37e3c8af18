"""Proof that requirements install, from only the files of a repository."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from msgspec import Struct

from microrepo.model import NormalizedName
from microrepo.selection.closure.closure import Closure
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.facts import Facts, Needs
from microrepo.selection.resolver.goal_records import Goal, ResolveOptions
from microrepo.selection.resolver.resolution_records import GoalFailure, RequiredBy, Resolution
from microrepo.selection.resolver.solver import DEFAULTS

_NO_METADATA = "its metadata is not in the repository"
_NO_URL = "direct URLs are not in the repository"


class SdistOnly(Struct, frozen=True, order=True):
    """A release that can only be installed by building it."""

    environment: str
    project: NormalizedName
    version: str


class Proof(Struct, frozen=True):
    """Result of `prove`.

    Attributes:
        resolutions: goals that the present files meet.
        missing: unmet goals, with the reasons.
        sdist_only: releases that installers must build, per environment.
    """

    resolutions: tuple[Resolution, ...]
    missing: tuple[GoalFailure, ...]
    sdist_only: tuple[SdistOnly, ...]

    @property
    def closed(self) -> bool:
        """Return whether every goal is met in every environment."""
        return not self.missing


def prove(
    goals: Iterable[Goal],
    environments: Iterable[Environment],
    facts: Facts,
    options: ResolveOptions = DEFAULTS,
    *,
    build_requirements: bool = False,
) -> Proof:
    """Return whether goals can be installed in environments from the files in `facts`.

    Missing facts count as missing files, and are added to `facts` as such.
    """
    closure = Closure(goals, environments, facts, options, build_requirements=build_requirements)
    while needs := closure.step():
        deny(facts, needs)
    unmet = tuple(
        GoalFailure(
            found.goal, found.environment, (f"{missing.requirement}: no match", *missing.reasons)
        )
        for found in closure.resolutions
        for missing in found.unmet
    )
    return Proof(closure.resolutions, closure.failures + unmet, sdist_only(closure.resolutions))


def deny(facts: Facts, needs: Needs) -> None:
    """Add needed facts as missing."""
    facts.add(
        projects=dict.fromkeys(needs.projects),
        metadata={need.filename: _NO_METADATA for need in needs.metadata},
        urls=dict.fromkeys(needs.urls, _NO_URL),
    )


def sdist_only(resolutions: Iterable[Resolution]) -> tuple[SdistOnly, ...]:
    """Return the releases without a wheel for an environment."""
    found = {
        SdistOnly(resolution.environment, pin.project, pin.version)
        for resolution in resolutions
        for pin in resolution.pins
        if pin.sdist_only
    }
    return tuple(sorted(found))


def required_by(resolutions: Iterable[Resolution]) -> tuple[RequiredBy, ...]:
    """Return every pair of a file and its requirement, each once, sorted."""
    return tuple(sorted({link for found in resolutions for link in found.required_by()}))


def chains(resolutions: Iterable[Resolution], filename: str) -> tuple[str, ...]:
    """Return the chains ``file <- requirement <- … <- goal`` of a file, per environment."""
    lines: dict[str, None] = {}
    for found in resolutions:
        for pin in found.pins:
            if any(file.filename == filename for file in pin.files):
                steps = " <- ".join((filename, *_shortest_chain(found, pin.key)))
                lines.setdefault(f"{found.environment}: {steps} <- {found.goal.name}")
    return tuple(lines)


def _shortest_chain(resolution: Resolution, key: str) -> tuple[str, ...]:
    edges = {pin.key: pin.edges for pin in resolution.pins}
    queue: deque[tuple[str, tuple[str, ...]]] = deque([(key, ())])
    seen = {key}
    while queue:
        current, steps = queue.popleft()
        for edge in edges.get(current, ()):
            if not edge.parent:
                return (*steps, edge.requirement)
            if edge.parent not in seen:
                seen.add(edge.parent)
                queue.append((edge.parent, (*steps, f"{edge.requirement} of {edge.parent}")))
    return ()
