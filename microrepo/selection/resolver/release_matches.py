"""Matcher of releases and requirements, with unknown projects assumed to match.

An unknown project is assumed to have a release that matches everything. Any real solution is also a
solution of this relaxed problem, so solving it reveals all facts that are needed at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version

from microrepo.formats.specifiers import parse_specifiers
from microrepo.model import File, NormalizedName
from microrepo.selection.resolver.candidates import View
from microrepo.selection.resolver.goal_records import Goal
from microrepo.selection.resolver.nodes import Req
from microrepo.selection.resolver.releases import Release

_HOPE = File(filename="", url="", version="0", package_type="")


class ReleaseMatcher:
    """Matcher for one goal in one environment.

    Attributes:
        constraints: per project, the specifiers of the goal's constraints.
        touched_projects: needed projects that are unknown.
        touched_urls: needed direct URLs that are unknown.
    """

    def __init__(self, view: View, goal: Goal, *, prereleases: bool | None) -> None:
        self.constraints = _constraints(view, goal)
        self.touched_projects: set[NormalizedName] = set()
        self.touched_urls: set[str] = set()
        self._view = view
        self._prereleases = prereleases
        self._hopes: dict[str, Release] = {}

    def releases(self, project: NormalizedName, wants: list[Req]) -> Iterable[Release]:
        """Return the releases that match all requirements, in the order to try them."""
        found: Iterable[Release]
        exact = {want.exact for want in wants if want.exact is not None}
        urls = {want.url for want in wants if want.url}
        if urls or any(release.url for release in exact):
            found = self._behind_urls(project, urls, exact)
        elif not self._view.knows(project):
            self.touched_projects.add(project)
            found = [self._hope(str(project), project)]
        else:
            found = self._known(project, wants)
        if exact:
            found = [release for release in found if exact == {release}]
        return [r for r in found if all(self.admits(want, r) for want in wants)] if urls else found

    def _known(self, project: NormalizedName, wants: Iterable[Req]) -> Iterable[Release]:
        specifiers = {want.specifiers for want in wants if want.specifiers}
        specifiers.update(self.constraints.get(project, ()))
        return self._view.matches(project, frozenset(specifiers), prereleases=self._prereleases)

    def _behind_urls(
        self, project: NormalizedName, urls: set[str], exact: set[Release]
    ) -> list[Release]:
        urls |= {release.url for release in exact}
        if len(urls) != 1:
            return []
        (url,) = urls
        if url not in self._view.facts.urls:
            self.touched_urls.add(url)
            return [self._hope(url, project, url)]
        release = self._view.url_release(project, url)
        return [release] if release is not None else []

    def _hope(self, key: str, project: NormalizedName, url: str = "") -> Release:
        release = self._hopes.get(key)
        if release is None:
            release = self._hopes[key] = Release(project, Version("0"), (_HOPE,), url)
        return release

    def admits(self, requirement: Req, release: Release) -> bool:
        """Return whether a release meets a requirement."""
        if requirement.exact is not None:
            return requirement.exact is release
        if is_unknown(release):
            return not requirement.url or requirement.url == release.url
        if requirement.url and requirement.url != release.url:
            return False
        if not requirement.specifiers:
            return True
        if release.url:
            return specifiers_admit(requirement.specifiers, release)
        releases = self._view.releases(release.project)
        return releases is not None and releases.admits(requirement.specifiers, release)


def is_unknown(release: Release) -> bool:
    """Return whether a release is a placeholder for unknown facts."""
    return release.files[0] is _HOPE


def specifiers_admit(specifiers: str, release: Release) -> bool:
    """Return whether specifiers match a release outside of the index."""
    return parse_specifiers(specifiers)[0].contains(release.version, prereleases=True)


def _constraints(view: View, goal: Goal) -> dict[NormalizedName, tuple[str, ...]]:
    found: dict[NormalizedName, tuple[str, ...]] = {}
    for want in goal.constraints:
        if want.specifiers and view.applies(want):
            found[want.project] = (*found.get(want.project, ()), want.specifiers)
    return found
