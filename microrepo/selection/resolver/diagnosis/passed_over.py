"""Newer releases that could not be used, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from packaging.version import Version

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.formats.specifiers import parse_specifiers
from microrepo.formats.version_numbers import parse_version
from microrepo.model import File, NormalizedName
from microrepo.selection.environments.python_versions import PythonTarget, requires_python_admits
from microrepo.selection.resolver.candidates import View
from microrepo.selection.resolver.releases import Release
from microrepo.selection.resolver.resolution_records import Edge, Obstacle, PassedOver


def passed_over(
    view: View,
    chosen: Mapping[Release, Iterable[Edge]],
    constraints: Mapping[NormalizedName, Iterable[str]],
) -> tuple[PassedOver, ...]:
    """Return, for each chosen release, the newest better one that cannot be used.

    Releases excluded by rules or requirements, and pre-releases and yanked ones beside others, are
    not better.
    """
    found: set[PassedOver] = set()
    newest: dict[str, Release] = {}
    for release in chosen:
        before = newest.get(release.project)
        if before is None or release.version > before.version:
            newest[release.project] = release
    for release in newest.values():
        if release.url:
            continue
        specifiers = {edge.specifiers for edge in chosen[release]}
        specifiers.update(constraints.get(release.project, ()))
        found.update(_broken(view, release, specifiers))
        key = (release, frozenset(specifiers))
        if key not in view.unfit:  # many goals choose the same release
            view.unfit[key] = _unfit(view, release, specifiers)
        unfit = view.unfit[key]
        if unfit is not None:
            found.add(unfit)
    return tuple(sorted(found))


def _admits(specifiers: Iterable[str], version: Version) -> bool:
    return all(
        parse_specifiers(text)[0].contains(version, prereleases=True) for text in specifiers if text
    )


def _better(taken: Release, version: Version, specifiers: Iterable[str]) -> bool:
    if version <= taken.version or (version.is_prerelease and not taken.version.is_prerelease):
        return False
    return _admits(specifiers, version)


def _broken(view: View, taken: Release, specifiers: set[str]) -> Iterator[PassedOver]:
    """Yield the releases with unusable metadata, as far as it was read."""
    releases = view.releases(taken.project)
    for release in releases.releases if releases is not None else ():
        if release.yanked or not _better(taken, release.version, specifiers):
            continue
        found = _fault(view, release)
        if found is not None:
            obstacle, why = found
            read = view.read_first(release)
            looked_at = read if read is release.foreign else read[:1]
            blocks = any(file.filename in view.facts.blocking for file in looked_at)
            yield PassedOver(taken.project, release.text, taken.text, why, obstacle, blocks)


def _fault(view: View, release: Release) -> tuple[Obstacle, str] | None:
    best = view.facts.metadata.get(view.read_first(release)[0].filename)
    if isinstance(best, str):
        return Obstacle.BROKEN, best
    metadata = view.metadata(release)
    if metadata is None:
        return Obstacle.BROKEN, "its metadata names another release"
    if not isinstance(metadata, CoreMetadata):
        return None
    if not view.environment.admits_python(metadata.requires_python):
        return _python_fault(view, metadata.requires_python or "")
    return None if metadata.strict else (Obstacle.BROKEN, metadata.notes[0])


def _python_fault(view: View, requires_python: str) -> tuple[Obstacle, str]:
    """Return whether only the environment's patch release does not match."""
    why = f"requires Python {requires_python}, this is {view.environment.python}"
    major, minor = view.environment.markers["python_version"].split(".")[:2]
    if requires_python_admits(requires_python, PythonTarget("cp", int(major), int(minor))):
        return Obstacle.PATCH, f"{why} (name the patch release in `environments`)"
    return Obstacle.PYTHON, why


def _unfit(view: View, taken: Release, specifiers: set[str]) -> PassedOver | None:
    """Return the newest release without a file for the environment."""
    candidates = view.facts.projects.get(taken.project)
    releases = view.releases(taken.project)
    if candidates is None or releases is None:
        return None
    fitting = {release.version for release in releases.releases}
    unfit: dict[Version, list[File]] = {}
    for file in candidates.files:
        version = parse_version(file.version)
        if version is not None and version not in fitting and not file.yanked:
            unfit.setdefault(version, []).append(file)
    better = [version for version in unfit if _better(taken, version, specifiers)]
    if not better:
        return None
    files = unfit[max(better)]
    obstacle, why = _why_unfit(view, files)
    return PassedOver(taken.project, files[0].version, taken.text, why, obstacle)


def _why_unfit(view: View, files: Iterable[File]) -> tuple[Obstacle, str]:
    admitted = [file for file in files if view.environment.admits_python(file.requires_python)]
    if not admitted:
        texts = sorted({file.requires_python or "" for file in files})
        return _python_fault(view, " or ".join(texts) if len(texts) > 1 else texts[0])
    if any(view.environment.supports(file) is not None for file in admitted):
        return Obstacle.OPTIONS, "the options or digests of the goal exclude it"
    return Obstacle.FILES, "it has no file for this environment"
