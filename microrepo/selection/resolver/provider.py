"""Provider for resolvelib, based on the facts only.

Unknown projects count as matching, see `release_matches`; unknown metadata requires nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf

from resolvelib.providers import AbstractProvider

from microrepo.selection.resolver.candidates import View
from microrepo.selection.resolver.dependencies import Dependencies
from microrepo.selection.resolver.goal_records import Goal, ResolveOptions
from microrepo.selection.resolver.nodes import Choice, Information, Req, node_of
from microrepo.selection.resolver.release_matches import ReleaseMatcher
from microrepo.selection.resolver.releases import Release

# Number of conflicts after which a project is resolved before others.
_PROMOTED_AFTER = 5


class Provider(AbstractProvider[Req, Choice, str]):
    """Provider for one goal in one environment.

    Attributes:
        matches: finds the releases that match requirements.
        dependencies: returns the requirements of goals and releases.
        parents: for each identifier, the first choice that required it.
        stops: why installers fail, even if another choice would do.
    """

    def __init__(self, view: View, goal: Goal, options: ResolveOptions) -> None:
        self.view = view
        self.options = options
        self.matches = ReleaseMatcher(view, goal, prereleases=options.prereleases)
        self.dependencies = Dependencies(view, allow_urls=options.allow_urls)
        self.roots = self.dependencies.roots(goal)
        self._order = {req.ident: place for place, req in reversed(list(enumerate(self.roots)))}
        self._conflicts: dict[str, int] = {}
        self._choices: dict[tuple[Release, tuple[str, ...]], Choice] = {}
        self.parents: dict[str, Choice] = {}
        self.stops: dict[str, None] = {}

    def identify(self, requirement_or_candidate: Req | Choice) -> str:
        """Return the name of the node: ``project`` or ``project[extra]``."""
        return requirement_or_candidate.ident

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[str],
        resolutions: Mapping[str, Choice],
        candidates: Mapping[str, Iterator[Choice]],
        information: Mapping[str, Iterator[Information]],
        backtrack_causes: Sequence[Information],
    ) -> Iterable[str]:
        """Resolve unsatisfiable requirements first, then those of the last conflict."""
        del candidates, information
        causes = {self.identify(cause.requirement) for cause in backtrack_causes}
        causes |= {self.identify(c.parent) for c in backtrack_causes if c.parent is not None}
        for name in causes:
            if name not in resolutions:
                self._conflicts[name] = self._conflicts.get(name, 0) + 1
        names = list(identifiers)
        current = [name for name in names if name in causes]
        if current:
            return current
        return [n for n in names if self._conflicts.get(n, 0) >= _PROMOTED_AFTER] or names

    def get_preference(
        self,
        identifier: str,
        resolutions: Mapping[str, Choice],
        candidates: Mapping[str, Iterator[Choice]],
        information: Mapping[str, Iterator[Information]],
        backtrack_causes: Sequence[Information],
    ) -> tuple[bool, bool, bool, bool, float, bool, str]:
        """Return a sort key, the lowest first, in pip's order of preference.

        Projects with conflicts, direct URLs, pins, upper bounds, order in the goal, any specifier,
        name.
        """
        del resolutions, candidates, backtrack_causes
        direct = pinned = upper = bounded = False
        for requirement, _ in information[identifier]:
            direct = direct or requirement.direct or requirement.exact is not None
            pinned = pinned or requirement.pinned
            upper = upper or requirement.upper
            bounded = bounded or bool(requirement.specifiers)
        return (
            self._conflicts.get(identifier, 0) < _PROMOTED_AFTER,
            not direct,
            not pinned,
            not upper,
            self._order.get(identifier, inf),
            not bounded,
            identifier,
        )

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Req]],
        incompatibilities: Mapping[str, Iterator[Choice]],
    ) -> Sequence[Choice]:
        """Return the choices that match all requirements on a node, preferred first."""
        wants = list(requirements[identifier])
        if identifier.startswith("\0") or any(want.impossible for want in wants):
            return []
        # After backtracking the node may have no requirements left, so use its name.
        project, extras = node_of(identifier)
        if extras:
            wants += requirements.get(str(project), ())
        refused = set(incompatibilities[identifier])
        choices = [
            self._choice(release, extras) for release in self.matches.releases(project, wants)
        ]
        return [choice for choice in choices if choice not in refused] if refused else choices

    def _choice(self, release: Release, extras: tuple[str, ...]) -> Choice:
        key = (release, extras)
        choice = self._choices.get(key)
        if choice is None:
            choice = self._choices[key] = Choice(release, extras)
        return choice

    def is_satisfied_by(self, requirement: Req, candidate: Choice) -> bool:
        """Return whether a choice meets a requirement."""
        # The solver calls this for every pin in every step, so it must be one look-up.
        known = requirement.known.get(candidate.release)
        if known is None:
            known = not requirement.impossible and self.matches.admits(
                requirement, candidate.release
            )
            requirement.known[candidate.release] = known
        return known

    def get_dependencies(self, candidate: Choice) -> Sequence[Req]:
        """Return the requirements of a choice; an extras node also requires its release."""
        found = self.dependencies.of(candidate)
        for requirement in found:
            self.parents.setdefault(requirement.ident, candidate)
        if self.options.installer is not None:
            self._note_stops(candidate.release, found)
        return found

    def _note_stops(self, release: Release, requires: Iterable[Req]) -> None:
        """Note why pip or uv fails when it looks at a release."""
        if any(one.direct and one.impossible for one in requires):
            self.stops[f"{release.key} depends on a direct URL; installers stop there"] = None
        read = self.view.read_first(release)
        for name in [file.filename for file in (read if read is release.foreign else read[:1])]:
            if self.view.facts.stops(name, self.options.installer):
                self.stops[f"{name}: installers fail at it"] = None
