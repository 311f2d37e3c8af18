"""Facts for one environment: releases, metadata, dependencies.

A resolution spends most of its time here, so results are cached: parsed versions, the releases that
each specifier matches (as bits of an integer), markers, requirements.
"""

from __future__ import annotations

from functools import partial

import msgspec
from packaging.utils import canonicalize_name
from packaging.version import Version

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.distribution.filenames import (
    is_read_variously,
    uv_filename,
)
from microrepo.formats.requirements.installer_markers import uv_marker
from microrepo.formats.requirements.requirement import Requirement
from microrepo.formats.requirements.stated_requirements import StatedRequirements
from microrepo.formats.specifiers import lower_bounds
from microrepo.formats.version_numbers import parse_version
from microrepo.model import File, NormalizedName
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.platform_tags import uv_order
from microrepo.selection.resolver.admission import ANYTHING, Admission
from microrepo.selection.resolver.facts import Facts, MetadataNeed, UrlFile
from microrepo.selection.resolver.goal_records import Installer
from microrepo.selection.resolver.releases import (
    Release,
    Releases,
    best_first,
    equally_good,
    nearest_foreign,
)
from microrepo.selection.resolver.resolution_records import PassedOver


class View:
    """The facts for one environment and the files that a goal allows."""

    def __init__(
        self, facts: Facts, environment: Environment, admission: Admission = ANYTHING
    ) -> None:
        self.facts = facts
        self.environment = environment
        self.admission = admission
        self._installer = admission.installer
        self.ranking = environment
        if self._installer is Installer.UV:
            tags = uv_order(environment.tags)
            self.ranking = Environment(environment.name, environment.markers, tags)
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
                None if candidates is None else _grouped(self, project, candidates.files)
            )
        return self._releases[project]

    def matches(
        self, project: NormalizedName, specifiers: frozenset[str], *, prereleases: bool | None
    ) -> tuple[Release, ...]:
        """Return a known project's releases that specifiers admit, in the order of preference."""
        releases = self.releases(project)
        if releases is None:
            return ()
        self.facts.contested |= len(releases.releases) > releases.stable_count > 0
        if self._installer is None:  # newer pip ignores what needed repair
            releases.put_last(self.facts.repaired)
        found = releases.matches(
            specifiers, self.admission.pins_of(project), prereleases=prereleases
        )
        self.facts.contested |= bool(found) and found[0].yanked
        return found

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

        The best file with usable metadata counts, as in pip; for uv, only the best file.
        """
        known = self._metadata.get(release)
        if known is not None:
            return known
        if release.url:
            fact = self.facts.urls[release.url]
            return fact.metadata if isinstance(fact, UrlFile) else None
        found = _speaking(self, release)
        if self._installer is None and release.foreign and isinstance(found, CoreMetadata):
            found = _with_foreign(self, release, found)
        if isinstance(found, CoreMetadata):
            self._metadata[release] = found
        return found

    def usable(self, file: File, release: Release) -> CoreMetadata | None:
        """Return the metadata of a file if it can speak for a release."""
        return self.facts.usable(file.filename, release.project, release.version, self._installer)

    def read_first(self, release: Release) -> tuple[File, ...]:
        """Return the files of a release in the order in which their metadata is read.

        uv builds a source distribution only to install it: of a release for which there are
        wheels, if only for other environments, it takes the requirements from a wheel.
        """
        by_uv = self.admission.installer is Installer.UV
        return (by_uv and release.foreign) or release.files

    def metadata_file(self, release: Release) -> str:
        """Return the name of the file whose metadata `metadata` returns."""
        for file in release.files:
            if file.filename in self.facts.metadata and self.usable(file, release) is not None:
                return file.filename
        return release.files[0].filename

    def applies(self, requirement: Requirement, extra: str = "") -> bool:
        """Return whether a requirement's marker holds here, for one extra."""
        marker = requirement.marker
        if marker and self._installer is not None:
            read = uv_marker(marker, self.environment.markers)
            self.facts.contested |= read != marker
            marker = read if self._installer is Installer.UV else marker
        return self.environment.applies(marker, extra)

    def admits(self, requires_python: str | None) -> bool:
        """Return whether this Python is one of those that a Requires-Python text admits."""
        admitted = self.environment.admits_python(requires_python)
        if not requires_python or self._installer is None:
            return admitted
        by_uv = self.environment.admits_python(lower_bounds(requires_python))
        self.facts.contested |= by_uv != admitted
        return by_uv if self._installer is Installer.UV else admitted

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


def _grouped(view: View, project: NormalizedName, files: tuple[File, ...]) -> Releases:
    fitting: dict[Version, list[tuple[int, File]]] = {}
    others: dict[Version, list[File]] = {}
    for file in files:
        version = parse_version(file.version)
        rank = _rank(view, project, file) if version is not None else None
        if version is not None and rank is not None:
            fitting.setdefault(version, []).append((rank, file))
        if version is not None and (rank is None or file.yanked):
            others.setdefault(version, []).append(file)
    releases = []
    for version, found in fitting.items():
        find_foreign = partial(nearest_foreign, view.environment, others.get(version, ()))
        equals = equally_good(found)
        releases.append(Release(project, version, best_first(found), "", equals, find_foreign))
    releases.sort(key=lambda release: release.version, reverse=True)
    if view.admission.prefer_binary:
        releases.sort(key=lambda release: release.sdist_only)
    return Releases(releases)


def _speaking(view: View, release: Release) -> CoreMetadata | MetadataNeed | None:
    """Return the metadata that speaks for a release; of equally good files the worst decides."""
    installer = view.admission.installer
    view.facts.contested |= bool(release.foreign)
    files = view.read_first(release)
    doubtful = release.equals if installer is not None else ()
    if files is release.foreign:
        for file in files:
            if file.filename not in view.facts.metadata:
                return MetadataNeed(release.project, file.filename)
        doubtful = tuple(sorted(files, key=partial(_stops_first, view)))
    for file in (*doubtful, *files):
        if file.filename not in view.facts.metadata:
            return MetadataNeed(release.project, file.filename)
        usable = view.usable(file, release)
        found = view.facts.metadata[file.filename]
        another = isinstance(found, CoreMetadata) and not found.is_repaired
        if usable is None and (installer is None or (installer is Installer.PIP and another)):
            continue  # pip skips a file of another release, and a release with invalid metadata
        if file not in doubtful:
            return usable
        if usable is None or _has_url(usable) or not view.admits(usable.requires_python):
            return usable
        if file is doubtful[-1]:
            return max(
                (one for file in doubtful if (one := view.usable(file, release)) is not None),
                key=lambda one: len(one.requires_dist),
            )
    return None


def _has_url(metadata: CoreMetadata) -> bool:
    return any("@" in text for text in metadata.requires_dist)


def _stops_first(view: View, file: File) -> bool:
    """Return False for a wheel at which uv fails, where it passes over others that it cannot use."""
    found = view.facts.metadata.get(file.filename)
    stops = isinstance(found, CoreMetadata) and _has_url(found)
    return not (stops or file.filename in view.facts.blocking)


def _with_foreign(view: View, release: Release, own: CoreMetadata) -> CoreMetadata | MetadataNeed:
    """Return the metadata of a source distribution, with what wheels of its release require too.

    uv takes the requirements from such a wheel; and where only a build could tell those of the
    source distribution, the wheel is the result of one.
    """
    file = release.foreign[0]
    if file.filename not in view.facts.metadata:
        return MetadataNeed(release.project, file.filename)
    other = view.usable(file, release)
    if other is None:
        return own
    return msgspec.structs.replace(
        own,
        requires_dist=tuple(dict.fromkeys((*own.requires_dist, *other.requires_dist))),
        provides_extra=tuple(dict.fromkeys((*own.provides_extra, *other.provides_extra))),
    )


def _rank(view: View, project: NormalizedName, file: File) -> int | None:
    """Return how well a file fits, None when it may not be used."""
    installer = view.admission.installer
    if not view.admission.admits(project, file):
        return None
    if installer is not None and is_read_variously(file.filename):
        view.facts.contested = True
        if installer is Installer.UV:
            file = msgspec.structs.replace(file, filename=uv_filename(file.filename))
    if file.requires_python and installer is not None and view.admits(file.requires_python):
        file = msgspec.structs.replace(file, requires_python=None)
    return view.ranking.supports(file)


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
