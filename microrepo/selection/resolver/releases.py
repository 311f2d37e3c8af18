"""The releases of a project that an environment can use, and which of them match."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from packaging.version import Version

from microrepo.formats.distribution.filenames import (
    build_order,
    needs_later_installers,
    parse_candidate_name,
    parse_wheel_name,
    uv_filename,
)
from microrepo.formats.specifiers import parse_specifiers
from microrepo.formats.version_numbers import is_pin, names_prerelease
from microrepo.model import File, NormalizedName
from microrepo.selection.environments.environment import Environment
from microrepo.standalone.server.names import FileName


class Release:
    """One version of a project with the files that suit the environment, the best first.

    Args:
        project, version, url: of the release.
        files: the best first.
        equals: those among the first that no tag and no build makes better than the others.
        find_foreign: returns the wheels that do not suit the environment, of which uv reads one for
            a release that it has to build. It takes long, and few releases are built.
    """

    __slots__ = (
        *("_find_foreign", "_foreign", "equals", "files", "position", "project", "sdist_only"),
        *("text", "url", "version", "yanked"),
    )

    def __init__(
        self,
        project: NormalizedName,
        version: Version,
        files: tuple[File, ...],
        url: str = "",
        equals: tuple[File, ...] = (),
        find_foreign: Callable[[], tuple[File, ...]] = tuple,
    ) -> None:
        self.project = project
        self.version = version
        self.text = files[0].version
        self.yanked = all(file.yanked for file in files)
        self.files = files if self.yanked else tuple(f for f in files if not f.yanked)
        self.equals = tuple(file for file in equals if file in self.files)
        self.sdist_only = all(
            parse_wheel_name(file.filename) is None or needs_later_installers(file.filename)
            for file in self.files
        )
        self._find_foreign = find_foreign
        self._foreign: tuple[File, ...] | None = None
        self.url = url
        self.position = 0

    @property
    def foreign(self) -> tuple[File, ...]:
        """The wheels that do not suit the environment, of a release without one that does."""
        if self._foreign is None:
            self._foreign = self._find_foreign() if self.sdist_only else ()
        return self._foreign

    @property
    def key(self) -> str:
        """``project==version``."""
        return f"{self.project}=={self.text}"

    def __repr__(self) -> str:
        return self.key


class Releases:
    """All releases of a project that have a file for the environment, the newest first."""

    def __init__(self, releases: list[Release]) -> None:
        self.releases = releases
        for position, release in enumerate(releases):
            release.position = position
        self.everything = (1 << len(releases)) - 1
        self._stable = self._bits(not release.version.is_prerelease for release in releases)
        self.stable_count = self._stable.bit_count()
        self._unyanked = self._bits(not release.yanked for release in releases)
        self._masks: dict[str, int] = {"": self.everything}
        self._matches: dict[tuple[frozenset[str], bool | None], tuple[Release, ...]] = {}
        self._repaired_seen = 0
        self._repaired = 0

    @staticmethod
    def _bits(flags: Iterable[bool]) -> int:
        mask = 0
        for position, flag in enumerate(flags):
            mask |= bool(flag) << position
        return mask

    def mask(self, specifiers: str) -> int:
        """Return which releases the specifiers admit, pre-releases included."""
        mask = self._masks.get(specifiers)
        if mask is None:
            parsed, _ = parse_specifiers(specifiers)
            mask = self._bits(
                parsed.contains(release.version, prereleases=True) for release in self.releases
            )
            self._masks[specifiers] = mask
        return mask

    def admits(self, specifiers: str, release: Release) -> bool:
        """Return whether the specifiers admit one of these releases."""
        return bool(self.mask(specifiers) >> release.position & 1)

    def matches(
        self, specifiers: frozenset[str], pins: Iterable[str] | None, *, prereleases: bool | None
    ) -> tuple[Release, ...]:
        """Return the releases that all specifiers admit, in the order they should be tried.

        Pre-releases count when a specifier names one or, unless `prereleases` is False, nothing
        else matches (PEP 440); yanked
        releases when nothing else matches and the version is pinned (PEP 592): by any of the
        specifiers, or, for uv, by one of `pins`.
        """
        key = (specifiers, prereleases)
        found = self._matches.get(key)
        if found is None:
            mask = self._matching_mask(specifiers, pins, prereleases=prereleases)
            found = (*self._chosen(mask & ~self._repaired), *self._chosen(mask & self._repaired))
            if pins is not None:
                found = tuple(dict.fromkeys((*found, *self._fallbacks(specifiers))))
            self._matches[key] = found
        return found

    def _matching_mask(
        self, specifiers: frozenset[str], pins: Iterable[str] | None, *, prereleases: bool | None
    ) -> int:
        mask = self.everything
        for text in specifiers:
            mask &= self.mask(text)
        if not prereleases and not any(names_prerelease(text) for text in specifiers):
            stable = mask & self._stable
            mask = stable if prereleases is False else stable or mask
        if mask & self._unyanked:
            return mask & self._unyanked
        if pins is None:
            return mask if any(is_pin(text) for text in specifiers) else 0
        pinned = 0
        for text in pins:
            pinned |= self.mask(text)
        return mask & pinned

    def _fallbacks(self, specifiers: frozenset[str]) -> list[Release]:
        """Return pre-releases that uv takes when it can use no release."""
        mask = self.everything & self._unyanked & ~self._stable
        for text in specifiers:
            mask &= self.mask(text)
        return self._chosen(mask)

    def _chosen(self, mask: int) -> list[Release]:
        return [release for release in self.releases if mask >> release.position & 1]

    def put_last(self, names: Collection[str]) -> None:
        """Have releases whose best files are among these names tried last."""
        if len(names) == self._repaired_seen:
            return
        self._repaired_seen = len(names)
        repaired = self._bits(release.files[0].filename in names for release in self.releases)
        if repaired != self._repaired:
            self._repaired = repaired
            self._matches.clear()


def best_first(ranked: list[tuple[int, File]]) -> tuple[File, ...]:
    """Return files in the order in which installers prefer them: by tags, then the latest build."""
    if len(ranked) > 1:
        ranked.sort(key=lambda entry: entry[1].filename)
        ranked.sort(key=lambda entry: build_order(entry[1].filename), reverse=True)
        ranked.sort(key=lambda entry: entry[0])
    return tuple(file for _, file in ranked)


def equally_good(ranked: list[tuple[int, File]]) -> tuple[File, ...]:
    """Return the files that share the first place; which of them counts is left to chance."""
    if len(ranked) < 2:
        return ()
    keys = [(rank, build_order(file.filename)) for rank, file in ranked]
    first = min(rank for rank, _ in keys)
    best = (first, max(build for rank, build in keys if rank == first))
    found = tuple(file for key, (_, file) in zip(keys, ranked, strict=True) if key == best)
    return found if len(found) > 1 else ()


def nearest_foreign(environment: Environment, files: Iterable[File]) -> tuple[File, ...]:
    """Return the wheels that uv reads for a release without one that suits the environment."""
    found: dict[int, list[File]] = {}
    for file in files:
        if not file.filename.endswith(".whl"):
            continue
        wheel = parse_candidate_name(uv_filename(file.filename), file.version)
        if wheel is not None and wheel.kind == "wheel":
            found.setdefault(_nearness(environment, wheel), []).append(file)
    return tuple(found[max(found)]) if found else ()


def _nearness(environment: Environment, wheel: FileName) -> int:
    """Return how much of a wheel's tags suits an environment; more if something else excludes it."""
    if environment.rank(wheel) is not None:
        return 0
    if environment.admits_interpreter(wheel):
        return 3
    return 1 + any(python in wheel.pythons for python, _ in environment.interpreters)
