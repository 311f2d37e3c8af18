"""The resolver's questions about projects, answered from the facts alone.

What is not known yet is answered hopefully: an unknown project has a release that suits everyone,
unknown metadata requires nothing. Any real solution is a solution of this easier puzzle, so a
solver that walks through it finds out at once everything that it will have to know.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import cast

from packaging.version import Version
from resolvelib.providers import AbstractProvider

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.requirements.direct_urls import is_followed
from microrepo.formats.requirements.requirement import Requirement
from microrepo.formats.specifiers import parse_specifiers
from microrepo.model import File, NormalizedName
from microrepo.selection.resolver.candidates import Release, View
from microrepo.selection.resolver.facts import Goal, MetadataNeed, Options
from microrepo.selection.resolver.nodes import Choice, Information, Req, node_of

# So often must a project stand in the way before it is looked at ahead of the others.
_PROMOTED_AFTER = 5
_HOPE = File(filename="", url="", version="0", package_type="")


class Provider(AbstractProvider[Req, Choice, str]):
    """Answers for one goal in one environment.

    Attributes:
        constraints: per project the specifiers that the goal's constraints add.
        touched_projects: unknown projects that the solver asked for.
        touched_metadata: unknown metadata that the solver asked for.
        touched_urls: unknown direct URLs that the solver asked for.
        parents: for each identifier the first choice that asked for it.
    """

    def __init__(self, view: View, goal: Goal, options: Options) -> None:
        self.view = view
        self.options = options
        self.constraints = _constraints(view, goal)
        self.roots = self._roots(goal)
        self._order = {req.ident: place for place, req in reversed(list(enumerate(self.roots)))}
        self._conflicts: dict[str, int] = {}
        self._choices: dict[tuple[Release, tuple[str, ...]], Choice] = {}
        self._hopes: dict[str, Release] = {}
        self._stated_by = cast(
            "dict[tuple[Release, tuple[str, ...]], tuple[Req, ...]]",
            view.solver_memory[options.allow_urls],
        )
        self.touched_projects: set[NormalizedName] = set()
        self.touched_metadata: set[MetadataNeed] = set()
        self.touched_urls: set[str] = set()
        self.parents: dict[str, Choice] = {}

    def _roots(self, goal: Goal) -> tuple[Req, ...]:
        return tuple(
            req
            for want in goal.requirements
            if self.view.applies(want)
            for req in self._requirements(self.view.directed(want))
        )

    def _requirements(self, want: Requirement) -> Iterator[Req]:
        if want.url and (not self.options.allow_urls or not is_followed(want.url)):
            why = f"{want.label} is a direct URL"
            yield Req(want.project, text=want.label, url=want.url, impossible=why)
            return
        yield Req(want.project, (), want.specifiers, want.label, url=want.url)
        if want.extras:
            yield Req(want.project, want.extras, want.specifiers, want.label, url=want.url)

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
        """Look first at what can never be met, then at what caused the last conflict."""
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

        Trouble makers, direct URLs, pins, upper bounds, the order of the goal, any specifier at
        all, the alphabet.
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
        """Return the choices that all requirements on a node admit, the preferred first."""
        wants = list(requirements[identifier])
        if identifier.startswith("\0") or any(want.impossible for want in wants):
            return []
        # After backtracking nobody may want the node any more, so its name has to tell.
        project, extras = node_of(identifier)
        if extras:
            wants += requirements.get(str(project), ())
        refused = set(incompatibilities[identifier])
        choices = [self._choice(release, extras) for release in self.matching(project, wants)]
        return [choice for choice in choices if choice not in refused] if refused else choices

    def _choice(self, release: Release, extras: tuple[str, ...]) -> Choice:
        key = (release, extras)
        choice = self._choices.get(key)
        if choice is None:
            choice = self._choices[key] = Choice(release, extras)
        return choice

    def matching(self, project: NormalizedName, wants: list[Req]) -> Iterable[Release]:
        """Return the releases that all requirements admit, in the order they are tried."""
        found: Iterable[Release]
        exact = {want.exact for want in wants if want.exact is not None}
        urls = {want.url for want in wants if want.url}
        if urls or any(release.url for release in exact):
            found = self._behind_urls(project, urls, exact)
        elif not self.view.knows(project):
            self.touched_projects.add(project)
            found = [self._hope(str(project), project)]
        else:
            found = self._known(project, wants)
        if exact:
            found = [release for release in found if exact == {release}]
        return [r for r in found if all(self._admits(want, r) for want in wants)] if urls else found

    def _known(self, project: NormalizedName, wants: Iterable[Req]) -> Iterable[Release]:
        releases = self.view.releases(project)
        if releases is None:
            return ()
        specifiers = {want.specifiers for want in wants if want.specifiers}
        specifiers.update(self.constraints.get(project, ()))
        return releases.matches(
            frozenset(specifiers), self.view.facts, prereleases=self.options.prereleases
        )

    def _behind_urls(
        self, project: NormalizedName, urls: set[str], exact: set[Release]
    ) -> list[Release]:
        urls |= {release.url for release in exact}
        if len(urls) != 1:
            return []
        (url,) = urls
        if url not in self.view.facts.urls:
            self.touched_urls.add(url)
            return [self._hope(url, project, url)]
        release = self.view.url_release(project, url)
        return [release] if release is not None else []

    def _hope(self, key: str, project: NormalizedName, url: str = "") -> Release:
        release = self._hopes.get(key)
        if release is None:
            release = self._hopes[key] = Release(project, Version("0"), (_HOPE,), url)
        return release

    def is_hope(self, release: Release) -> bool:
        """Tell whether a release stands for something unknown."""
        return release.files[0] is _HOPE

    def is_satisfied_by(self, requirement: Req, candidate: Choice) -> bool:
        """Tell whether a choice meets a requirement."""
        # The solver asks this for every pin in every step: one look-up must do.
        known = requirement.known.get(candidate.release)
        if known is None:
            known = not requirement.impossible and self._admits(requirement, candidate.release)
            requirement.known[candidate.release] = known
        return known

    def _admits(self, requirement: Req, release: Release) -> bool:
        if requirement.exact is not None:
            return requirement.exact is release
        if self.is_hope(release):
            return not requirement.url or requirement.url == release.url
        if requirement.url and requirement.url != release.url:
            return False
        if not requirement.specifiers:
            return True
        if release.url:
            return specifiers_admit(requirement.specifiers, release)
        releases = self.view.releases(release.project)
        return releases is not None and releases.admits(requirement.specifiers, release)

    def get_dependencies(self, candidate: Choice) -> Sequence[Req]:
        """Return what a choice requires; an extras node requires its own release, too."""
        key = (candidate.release, candidate.extras)
        found = self._stated_by.get(key)
        if found is None:
            found = tuple(self._dependencies(candidate))
            if not self.is_hope(candidate.release) and not self._lacks_metadata(candidate.release):
                self._stated_by[key] = found
        for requirement in found:
            self.parents.setdefault(requirement.ident, candidate)
        return found

    def _lacks_metadata(self, release: Release) -> bool:
        return isinstance(self.view.metadata(release), MetadataNeed)

    def _dependencies(self, candidate: Choice) -> Iterator[Req]:
        release = candidate.release
        if candidate.extras:
            yield Req(release.project, (), f"=={release.text}", release.key, exact=release)
        if self.is_hope(release):
            return
        metadata = self.view.metadata(release)
        if isinstance(metadata, MetadataNeed):
            self.touched_metadata.add(metadata)
        elif metadata is None:
            yield Req(release.project, impossible=f"{release.key} has no readable metadata")
        else:
            yield from self._stated(candidate, metadata)

    def _stated(self, candidate: Choice, metadata: CoreMetadata) -> Iterator[Req]:
        release = candidate.release
        if not self.view.environment.admits_python(metadata.requires_python):
            why = f"{release.key} requires Python {metadata.requires_python}"
            yield Req(release.project, impossible=why)
            return
        for extra in candidate.extras or ("",):
            for want in self.view.dependencies(release, metadata, extra):
                yield from self._requirements(want)


def specifiers_admit(specifiers: str, release: Release) -> bool:
    """Tell whether specifiers admit a release that stands outside of the index."""
    return parse_specifiers(specifiers)[0].contains(release.version, prereleases=True)


def _constraints(view: View, goal: Goal) -> dict[NormalizedName, tuple[str, ...]]:
    found: dict[NormalizedName, tuple[str, ...]] = {}
    for want in goal.constraints:
        if want.specifiers and view.applies(want):
            found[want.project] = (*found.get(want.project, ()), want.specifiers)
    return found
