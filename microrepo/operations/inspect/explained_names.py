"""Finder of the projects and files that names, releases and globs stand for."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Sequence

from msgspec import Struct
from packaging.requirements import InvalidRequirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from microrepo.batching import batched
from microrepo.formats.specifiers import strict_requirement
from microrepo.formats.version_numbers import parse_version, version_order
from microrepo.model import File, NormalizedName, Project
from microrepo.state import ProjectRow, State

_BATCH = 500


class Named(Struct, frozen=True):
    """A project, and which of its files are requested.

    Attributes:
        filenames: patterns of file names; empty for all files.
        versions: specifiers of releases; empty for all releases.
    """

    project: Project
    row: ProjectRow
    filenames: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()

    def includes(self, file: File) -> bool:
        """Return whether a file is requested."""
        if not self.filenames and not self.versions:
            return True
        if any(fnmatch.fnmatchcase(file.filename, pattern) for pattern in self.filenames):
            return True
        version = parse_version(file.version)
        return version is not None and any(
            SpecifierSet(text).contains(version, prereleases=True) for text in self.versions
        )


class UnknownName(Struct, frozen=True):
    """A target that names nothing in the state.

    Attributes:
        project: the known project whose release it asks for; "" if there is none.
        versions: versions of that project, newest first.
        is_missing: the last refresh did not find it at the source.
    """

    target: str
    project: str = ""
    versions: tuple[str, ...] = ()
    is_missing: bool = False


def find_named(
    state: State, targets: Sequence[str]
) -> tuple[tuple[Named, ...], tuple[UnknownName, ...]]:
    """Return one entry per project that the targets name, and the targets that name nothing."""
    found: dict[NormalizedName, Named] = {}
    unknown: dict[str, UnknownName] = {}
    for target in targets:
        matches = list(_matches(state, target))
        if not matches:
            unknown[target] = _unknown(state, target)
        for one in matches:
            before = found.get(one.project.name)
            found[one.project.name] = one if before is None else _joined(before, one)
    return tuple(found.values()), tuple(unknown.values())


def _unknown(state: State, target: str) -> UnknownName:
    """Return a target that matches nothing, with what its project has instead."""
    project = _project_of(state, target)
    if project is None:
        return UnknownName(target)
    versions = sorted({file.version for file in project.files}, key=version_order, reverse=True)
    return UnknownName(target, project.name, tuple(versions))


def _project_of(state: State, target: str) -> Project | None:
    try:
        name = canonicalize_name(strict_requirement(target).name)
    except InvalidRequirement:
        return None
    return state.documents([name]).get(name)


def _joined(one: Named, other: Named) -> Named:
    for whole in (one, other):
        if not whole.filenames and not whole.versions:
            return whole
    filenames, versions = one.filenames + other.filenames, one.versions + other.versions
    return Named(one.project, one.row, filenames, versions)


def _matches(state: State, target: str) -> Iterator[Named]:
    if any(char in target for char in "*?["):
        yield from _of_glob(state, target)
        return
    named = _of_name(state, target) or _of_release(state, target)
    if named is not None:
        yield named


def _of_name(state: State, target: str) -> Named | None:
    """Return the project of this name, or the file of this name with its project."""
    row = state.files_named([target]).get(target)
    # A skipped file has no row, but its name begins with its project's.
    pieces = target.split("-")
    beginnings = [canonicalize_name("-".join(pieces[:end])) for end in range(1, len(pieces))]
    candidates = [*([row.project] if row else []), canonicalize_name(target), *beginnings]
    documents, rows = state.documents(candidates), state.projects(candidates)
    for name in candidates:
        project = documents.get(name)
        if project is None or name not in rows:
            continue
        if any(file.filename == target for file in project.files) or (row and row.project == name):
            return Named(project, rows[name], (_escaped(target),))
        if name == canonicalize_name(target):
            return Named(project, rows[name])
    return None


def _of_release(state: State, target: str) -> Named | None:
    try:
        requirement = strict_requirement(target)
    except InvalidRequirement:
        return None
    name = canonicalize_name(requirement.name)
    project, row = state.documents([name]).get(name), state.projects([name]).get(name)
    if project is None or row is None or not requirement.specifier:
        return None
    named = Named(project, row, versions=(str(requirement.specifier),))
    return named if any(map(named.includes, project.files)) else None


def _of_glob(state: State, pattern: str) -> Iterator[Named]:
    """Yield the projects that a pattern matches; without any, the projects of matching files."""
    names = sorted(row[0] for row in state.iter_known())
    lowered = pattern.lower().replace("_", "-").replace(".", "-")
    projects = [name for name in names if fnmatch.fnmatchcase(name, lowered)]
    for batch in batched(projects or names, _BATCH):
        documents, rows = state.documents(batch), state.projects(batch)
        for name in batch:
            project, row = documents.get(name), rows.get(name)
            if project is None or row is None:
                continue
            named = Named(project, row, () if projects else (pattern,))
            if projects or any(map(named.includes, project.files)):
                yield named


def _escaped(filename: str) -> str:
    return filename.replace("[", "[[]")
