"""Breadth-first traversal of requirements without solving: newest or every match of each.

It implements the modes ``latest`` and ``all``, and predicts the facts that a solver needs: nearly
always the newest match of a requirement.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from microrepo.formats.requirements.direct_urls import is_followed
from microrepo.formats.requirements.requirement import Requirement
from microrepo.model import NormalizedName
from microrepo.selection.resolver.candidates import View
from microrepo.selection.resolver.facts import MetadataNeed, Needs
from microrepo.selection.resolver.goal_records import Goal, ResolveOptions
from microrepo.selection.resolver.releases import Release
from microrepo.selection.resolver.resolution_records import Edge

Limits = Mapping[NormalizedName, frozenset[str]]


class Walked:
    """Result of a traversal.

    Attributes:
        needs: missing facts.
        edges: the releases found, and why; with the required extras.
        unmet: requirements without a match, with the release that has them ("" for the goal).
    """

    def __init__(self) -> None:
        self.projects: set[NormalizedName] = set()
        self.metadata: set[MetadataNeed] = set()
        self.urls: set[str] = set()
        self.edges: dict[Release, dict[Edge, None]] = {}
        self.extras: dict[Release, set[str]] = {}
        self.unmet: dict[tuple[Requirement, str], None] = {}

    @property
    def agrees(self) -> bool:
        """Return whether the newest match of each requirement matches all the others.

        Then a solver finds the same: whatever requirements it knows when it pins a project, the
        first match of all of them is the first match of each.
        """
        projects = {release.project for release in self.edges}
        return not self.unmet and len(projects) == len(self.edges)

    @property
    def needs(self) -> Needs:
        """All missing facts."""
        return Needs(frozenset(self.projects), frozenset(self.metadata), frozenset(self.urls))


def limits_of(view: View, goal: Goal, *, with_roots: bool) -> Limits:
    """Return, per project, the specifiers of the goal that apply to all requirements.

    Args:
        view: the environment's view; its markers decide which lines count.
        goal: constraints always count.
        with_roots: include the goal's own requirements, which a solver obeys.
    """
    wants = (*goal.constraints, *goal.requirements) if with_roots else goal.constraints
    limits: dict[NormalizedName, frozenset[str]] = {}
    for want in wants:
        if want.specifiers and view.applies(want):
            limits[want.project] = limits.get(want.project, frozenset()) | {want.specifiers}
    return limits


class _Walk:
    def __init__(self, view: View, limits: Limits, options: ResolveOptions, *, every: bool) -> None:
        self.view = view
        self.limits = limits
        self.options = options
        self.every = every
        self.found = Walked()
        self.queue: deque[tuple[Requirement, str]] = deque()
        self._seen: set[tuple[NormalizedName, frozenset[str], tuple[str, ...], str | None]] = set()
        self._expanded: set[tuple[Release, str]] = set()

    def run(self, roots: Iterable[Requirement]) -> Walked:
        applying = (self.view.directed(want) for want in roots if self.view.applies(want))
        self.queue.extend((want, "") for want in applying)
        while self.queue:
            want, parent = self.queue.popleft()
            for release in self._releases(want, parent):
                self._meet(release, want, parent)
        return self.found

    def _releases(self, want: Requirement, parent: str) -> Iterable[Release]:
        if want.url:
            return self._behind_url(want, parent)
        if not self.view.knows(want.project):
            self.found.projects.add(want.project)
            return ()
        specifiers = self.limits.get(want.project, frozenset())
        if want.specifiers:
            specifiers |= {want.specifiers}
        matches = self.view.matches(want.project, specifiers, prereleases=self.options.prereleases)
        if self.every:
            usable: Iterable[Release] = [r for r in matches if self._usable(r) is not False]
        else:
            usable = self._newest(matches)
        if not usable:
            self.found.unmet.setdefault((want, parent))
        return usable

    def _newest(self, matches: Iterable[Release]) -> list[Release]:
        for release in matches:
            usable = self._usable(release)
            if usable is None:
                return []
            if usable:
                return [release]
        return []

    def _usable(self, release: Release) -> bool | None:
        """Return whether a release's metadata fits; None (and a need) if it is unknown."""
        metadata = self.view.metadata(release)
        if isinstance(metadata, MetadataNeed):
            self.found.metadata.add(metadata)
            return None
        return metadata is not None and self.view.admits(metadata.requires_python)

    def _behind_url(self, want: Requirement, parent: str) -> Iterable[Release]:
        url = want.url
        if not self.options.allow_urls or not is_followed(url):
            self.found.unmet.setdefault((want, parent))
        elif url not in self.view.facts.urls:
            self.found.urls.add(url)
        else:
            release = self.view.url_release(want.project, url)
            if release is not None:
                return (release,)
            self.found.unmet.setdefault((want, parent))
        return ()

    def _meet(self, release: Release, want: Requirement, parent: str) -> None:
        self.found.edges.setdefault(release, {}).setdefault(
            Edge(want.label, parent, want.specifiers)
        )
        extras = self.found.extras.setdefault(release, set())
        extras.update(want.extras)
        metadata = self.view.metadata(release)
        if metadata is None or isinstance(metadata, MetadataNeed):
            return
        for extra in ("", *want.extras):
            if (release, extra) in self._expanded:
                continue
            self._expanded.add((release, extra))
            for child in self.view.dependencies(release, metadata, extra):
                self.queue.append((child, release.key))


def walk(
    view: View, goal: Goal, options: ResolveOptions, *, every: bool, ahead: bool = False
) -> Walked:
    """Traverse the requirements of a goal and all their dependencies.

    Args:
        view: the environment's view of the facts.
        goal: the start.
        options: pre-releases and direct URLs.
        every: use every match of a requirement instead of the newest.
        ahead: predict a solver, which obeys the goal's requirements everywhere.

    Raises:
        ValueError: a requirement of the goal cannot be parsed.
    """
    limits = limits_of(view, goal, with_roots=ahead)
    return _Walk(view, limits, options, every=every).run(goal.requirements)
