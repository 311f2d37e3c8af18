"""Releases of a project for one environment, and which of them match.

A resolution spends most of its time here, so results are cached: parsed versions, the releases that
each specifier matches (as bits of an integer), markers, requirements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from packaging.utils import canonicalize_name
from packaging.version import Version

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.distribution.filenames import parse_wheel_name
from microrepo.formats.requirements.requirement import Requirement
from microrepo.formats.specifiers import parse_specifiers
from microrepo.formats.version_numbers import is_pin, names_prerelease, parse_version
from microrepo.model import File, NormalizedName
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.admission import ANYTHING, Admission
from microrepo.selection.resolver.facts import Facts, MetadataNeed, UrlFile
from microrepo.selection.resolver.resolution_records import PassedOver
from microrepo.selection.resolver.stated_requirements import StatedRequirements

_BUILD = re.compile(r"(\d+)(.*)")


class Release:
    """One version of a project with the files that fit the environment, best first."""

    __slots__ = ("files", "position", "project", "sdist_only", "text", "url", "version", "yanked")

    def __init__(
        self, project: NormalizedName, version: Version, files: tuple[File, ...], url: str = ""
    ) -> None:
        self.project = project
        self.version = version
        self.text = files[0].version
        self.yanked = all(file.yanked for file in files)
        self.files = files if self.yanked else tuple(f for f in files if not f.yanked)
        self.sdist_only = all(parse_wheel_name(file.filename) is None for file in self.files)
        self.url = url
        self.position = 0

    @property
    def key(self) -> str:
        """``project==version``."""
        return f"{self.project}=={self.text}"

    def __repr__(self) -> str:
        return self.key


class Releases:
    """All releases of a project with a file for the environment, newest first."""

    def __init__(self, releases: list[Release]) -> None:
        self.releases = releases
        for position, release in enumerate(releases):
            release.position = position
        self.everything = (1 << len(releases)) - 1
        self._stable = self._bits(not release.version.is_prerelease for release in releases)
        self._unyanked = self._bits(not release.yanked for release in releases)
        self._masks: dict[str, int] = {"": self.everything}
        self._matches: dict[tuple[frozenset[str], bool], tuple[Release, ...]] = {}
        self._repaired_seen = 0
        self._repaired = 0

    @staticmethod
    def _bits(flags: Iterable[bool]) -> int:
        mask = 0
        for position, flag in enumerate(flags):
            mask |= bool(flag) << position
        return mask

    def mask(self, specifiers: str) -> int:
        """Return which releases match the specifiers, pre-releases included."""
        mask = self._masks.get(specifiers)
        if mask is None:
            parsed, _ = parse_specifiers(specifiers)
            mask = self._bits(
                parsed.contains(release.version, prereleases=True) for release in self.releases
            )
            self._masks[specifiers] = mask
        return mask

    def admits(self, specifiers: str, release: Release) -> bool:
        """Return whether a release matches the specifiers."""
        return bool(self.mask(specifiers) >> release.position & 1)

    def matches(
        self, specifiers: frozenset[str], facts: Facts, *, prereleases: bool
    ) -> tuple[Release, ...]:
        """Return the releases that match all specifiers, in the order to try them.

        Pre-releases count if a specifier names one or nothing else matches (PEP 440); yanked
        releases if nothing else matches and the version is pinned (PEP 592). Releases with repaired
        metadata come last, since newer pip ignores them.
        """
        self._note_repairs(facts)
        key = (specifiers, prereleases)
        found = self._matches.get(key)
        if found is None:
            mask = self._matching_mask(specifiers, prereleases=prereleases)
            found = (*self._chosen(mask & ~self._repaired), *self._chosen(mask & self._repaired))
            self._matches[key] = found
        return found

    def _matching_mask(self, specifiers: frozenset[str], *, prereleases: bool) -> int:
        mask = self.everything
        for text in specifiers:
            mask &= self.mask(text)
        if not prereleases and not any(names_prerelease(text) for text in specifiers):
            mask = mask & self._stable or mask
        if mask & self._unyanked:
            return mask & self._unyanked
        return mask if any(is_pin(text) for text in specifiers) else 0

    def _chosen(self, mask: int) -> list[Release]:
        return [release for release in self.releases if mask >> release.position & 1]

    def _note_repairs(self, facts: Facts) -> None:
        if len(facts.repaired) == self._repaired_seen:
            return
        self._repaired_seen = len(facts.repaired)
        repaired = self._bits(
            release.files[0].filename in facts.repaired for release in self.releases
        )
        if repaired != self._repaired:
            self._repaired = repaired
            self._matches.clear()


class View:
    """The facts for one environment and the files that a goal allows."""

    def __init__(
        self, facts: Facts, environment: Environment, admission: Admission = ANYTHING
    ) -> None:
        self.facts = facts
        self.environment = environment
        self.admission = admission
        self._releases: dict[NormalizedName, Releases | None] = {}
        self._url_releases: dict[str, Release] = {}
        self._metadata: dict[Release, CoreMetadata] = {}
        self._stated: dict[Release, StatedRequirements] = {}
        self._dependencies: dict[tuple[Release, str], tuple[Requirement, ...]] = {}
        # For each chosen release, the newest one without a file for here, see `passed_over`.
        self.unfit: dict[tuple[Release, frozenset[str]], PassedOver | None] = {}
        # Dependencies of releases as the solver uses them, cached for its next run.
        self.solver_memory: dict[bool, dict[object, object]] = {False: {}, True: {}}

    def knows(self, project: NormalizedName) -> bool:
        """Return whether the files of a project are known."""
        return project in self.facts.projects

    def releases(self, project: NormalizedName) -> Releases | None:
        """Return a known project's releases; None if it does not exist."""
        if project not in self._releases:
            candidates = self.facts.projects[project]
            self._releases[project] = (
                None if candidates is None else self._group(project, candidates.files)
            )
        return self._releases[project]

    def _group(self, project: NormalizedName, files: tuple[File, ...]) -> Releases:
        fitting: dict[Version, list[tuple[int, File]]] = {}
        for file in files:
            version = parse_version(file.version)
            rank = self.environment.supports(file) if version is not None else None
            if version is not None and rank is not None and self.admission.admits(project, file):
                fitting.setdefault(version, []).append((rank, file))
        releases = [
            Release(project, version, _best_first(found)) for version, found in fitting.items()
        ]
        releases.sort(key=lambda release: release.version, reverse=True)
        if self.admission.prefer_binary:
            releases.sort(key=lambda release: release.sdist_only)
        return Releases(releases)

    def url_release(self, project: NormalizedName, url: str) -> Release | None:
        """Return the release of a known URL; None if it cannot be used here."""
        fact = self.facts.urls[url]
        if not isinstance(fact, UrlFile) or self.environment.supports(fact.file) is None:
            return None
        if not self.admission.admits(project, fact.file):
            return None
        version = parse_version(fact.metadata.version)
        if version is None or canonicalize_name(fact.metadata.name) != project:
            return None
        release = self._url_releases.get(url)
        if release is None:
            release = Release(project, version, (fact.file,), url)
            self._url_releases[url] = release
        return release

    def metadata(self, release: Release) -> CoreMetadata | MetadataNeed | None:
        """Return a release's metadata, the need for it, or None if it has none.

        The best file with readable metadata counts, as in pip, unless only the best file may count.
        """
        known = self._metadata.get(release)
        if known is not None:
            return known
        if release.url:
            fact = self.facts.urls[release.url]
            return fact.metadata if isinstance(fact, UrlFile) else None
        for file in release.files:
            found = self.facts.metadata.get(file.filename)
            if found is None:
                return MetadataNeed(release.project, file.filename)
            usable = self._usable(found, release)
            if usable is not None:
                self._metadata[release] = usable
                return usable
            if self.facts.best_file_counts:
                return None
        return None

    def _usable(self, found: CoreMetadata | str, release: Release) -> CoreMetadata | None:
        if isinstance(found, str) or not _belongs(found, release):
            return None
        # The metadata that a build would give is unknown, so it may be fine.
        repaired = not found.strict and found.source != "guess"
        return None if repaired and self.facts.best_file_counts else found

    def metadata_file(self, release: Release) -> str:
        """Return the name of the file whose metadata `metadata` returns."""
        for file in release.files:
            found = self.facts.metadata.get(file.filename)
            if found is not None and self._usable(found, release) is not None:
                return file.filename
        return release.files[0].filename

    def applies(self, requirement: Requirement, extra: str = "") -> bool:
        """Return whether a requirement's marker is true here, for one extra."""
        return self.environment.applies(requirement.marker, extra)

    def directed(self, requirement: Requirement) -> Requirement:
        """Return a requirement with the URL that a constraint gives its project."""
        return self.admission.directed(requirement)

    def dependencies(
        self, release: Release, metadata: CoreMetadata, extra: str = ""
    ) -> tuple[Requirement, ...]:
        """Return a release's requirements here: without extras, or those of one extra."""
        key = (release, extra)
        found = self._dependencies.get(key)
        if found is None:
            stated = self._stated.get(release)
            if stated is None:
                stated = self._stated[release] = StatedRequirements(metadata.requires_dist)
            found = tuple(
                self.directed(requirement)
                for requirement in stated.about(extra)
                if self.applies(requirement, extra) and not (extra and self.applies(requirement))
            )
            self._dependencies[key] = found
        return found


def _best_first(ranked: list[tuple[int, File]]) -> tuple[File, ...]:
    """Return files in the installers' order of preference: by tags, then the latest build."""
    if len(ranked) > 1:
        ranked.sort(key=lambda entry: entry[1].filename)
        ranked.sort(key=lambda entry: _build_of(entry[1]), reverse=True)
        ranked.sort(key=lambda entry: entry[0])
    return tuple(file for _, file in ranked)


def _build_of(file: File) -> tuple[int, str]:
    wheel = parse_wheel_name(file.filename)
    match = _BUILD.match(wheel.build) if wheel is not None else None
    return (int(match[1]), match[2]) if match is not None else (-1, "")


def _belongs(metadata: CoreMetadata, release: Release) -> bool:
    return (
        canonicalize_name(metadata.name) == release.project
        and parse_version(metadata.version) == release.version
    )


def view_of(facts: Facts, environment: Environment, admission: Admission = ANYTHING) -> View:
    """Return an environment's view of the facts, made once per admission."""
    key = (environment.name, admission)
    view = facts.views.get(key)
    if not isinstance(view, View) or (
        view.environment is not environment and view.environment != environment
    ):
        view = View(facts, environment, admission)
        facts.views[key] = view
    return view
