"""Admission of files by a goal's options, digests and URL constraints."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from microrepo.formats.distribution.filenames import FLAT_DIRECTORY_SUFFIXES, parse_wheel_name
from microrepo.formats.requirements.requirement import Requirement
from microrepo.formats.requirements.requirement_set import ANY_FORMAT, FormatControl
from microrepo.formats.version_numbers import is_pin, parse_version
from microrepo.model import File, NormalizedName
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.goal_records import Goal, Installer


class Admission(Struct, frozen=True, cache_hash=True):
    """Options, digests and URL constraints of a goal, and the builds that its environment uses.

    Attributes:
        formats: the allowed kinds of files.
        prefer_binary: prefer an older wheel to a newer source distribution.
        hashes: per project, the digests of which a file must match one.
        urls: per project, the URL that its file must come from.
        installer: the installer that chooses, None for any.
        pins: per project, the specifiers that let uv take a yanked release.
        local_versions: see `Environment`.
    """

    formats: FormatControl = ANY_FORMAT
    prefer_binary: bool = False
    hashes: tuple[tuple[NormalizedName, frozenset[str]], ...] = ()
    urls: tuple[tuple[NormalizedName, str], ...] = ()
    installer: Installer | None = None
    pins: tuple[tuple[NormalizedName, frozenset[str]], ...] = ()
    local_versions: tuple[tuple[NormalizedName, str], ...] = ()

    def admits(self, project: NormalizedName, file: File) -> bool:
        """Return whether a file may be used."""
        if self.installer is not None and not file.filename.endswith(FLAT_DIRECTORY_SUFFIXES):
            return False
        if self.local_versions and not self.is_build_for(project, file):
            return False
        if self.formats is not ANY_FORMAT:
            wheel = parse_wheel_name(file.filename) is not None
            if not self.formats.admits(project, wheel=wheel):
                return False
        return not self.hashes or self.has_digest(project, file)

    def is_build_for(self, project: NormalizedName, file: File) -> bool:
        """Return whether a file is of the build that the environment uses."""
        label = self.label_of(project)
        version = parse_version(file.version) if label is not None else None
        return version is None or (version.local or "") == label

    def label_of(self, project: NormalizedName) -> str | None:
        """Return the local version label that the environment needs; None if any will do."""
        return next((label for name, label in self.local_versions if name == project), None)

    def has_digest(self, project: NormalizedName, file: File) -> bool:
        """Return whether a file can match a required digest.

        A file without a digest of one of the required algorithms is not excluded.
        """
        allowed = next((found for name, found in self.hashes if name == project), None)
        if not allowed:
            return allowed is None
        asked = {one.partition(":")[0] for one in allowed}
        known = {
            f"{algorithm}:{value}"
            for algorithm in asked
            if (value := getattr(file.digests, algorithm, None))
        }
        return bool(known & allowed) or len(known) < len(asked)

    def pins_of(self, project: NormalizedName) -> frozenset[str] | None:
        """Return what lets a yanked release of a project be taken; None = any pin does."""
        if self.installer is not Installer.UV:
            return None
        return next((found for name, found in self.pins if name == project), frozenset())

    def directed(self, requirement: Requirement) -> Requirement:
        """Return a requirement with the URL that a constraint gives its project."""
        if not self.urls or requirement.url:
            return requirement
        url = next((url for name, url in self.urls if name == requirement.project), "")
        return msgspec.structs.replace(requirement, url=url) if url else requirement


ANYTHING = Admission()


def admission_of(
    goal: Goal, environment: Environment, installer: Installer | None = None
) -> Admission:
    """Return the admission of a goal in an environment; markers decide which lines count."""
    if not (
        (goal.constraints or goal.formats is not ANY_FORMAT or goal.prefer_binary)
        or environment.local_versions
        or (installer is not None or any(one.hashes for one in goal.requirements))
    ):
        return ANYTHING
    hashes: dict[NormalizedName, frozenset[str]] = {}
    for one in _applying((*goal.requirements, *goal.constraints), environment):
        if one.hashes:
            # As in pip, a file must match both of two digest lists.
            before = hashes.get(one.project)
            found = frozenset(one.hashes)
            hashes[one.project] = found if before is None else before & found
    urls = {one.project: one.url for one in _applying(goal.constraints, environment) if one.url}
    pins: dict[NormalizedName, frozenset[str]] = {}
    if installer is Installer.UV:
        for one in _applying((*goal.requirements, *goal.constraints), environment):
            if is_pin(one.specifiers) and "," not in one.specifiers:
                pins[one.project] = pins.get(one.project, frozenset()) | {one.specifiers}
    return Admission(
        goal.formats,
        goal.prefer_binary,
        tuple(sorted(hashes.items())),
        tuple(sorted(urls.items())),
        installer,
        tuple(sorted(pins.items())),
        environment.local_versions,
    )


def _applying(
    requirements: Iterable[Requirement], environment: Environment
) -> Iterable[Requirement]:
    return (one for one in requirements if environment.applies(one.marker))
