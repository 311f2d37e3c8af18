"""Source of a project among several: reservations first, then lists. Pure.

A name that a source reserves belongs to it, whether it has the project or not; a name that sources
share belongs to all of them together; any other name belongs to the first source that lists it. While the list of a source is unknown, no later source
can own a name that it might list: a private name must never be requested from a public index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from microrepo.model import File, NormalizedName, Project
from microrepo.selection.reservations import (
    Listed,
    ProjectOrigin,
    Reservations,
    normalized,
)


def owner_of(
    name: NormalizedName,
    reservations: Reservations,
    lists: Sequence[Collection[str] | None],
    unlisted: Collection[int] = (),
) -> ProjectOrigin:
    """Return where a project comes from.

    Args:
        reservations: of all sources.
        lists: normalised names that each source but the last lists; None: unknown.
        unlisted: numbers of sources that are requested for a project instead of their list.
    """
    decided = reservations.origin(name)
    if decided is not None:
        return decided
    asked: list[int] = []
    for number, names in enumerate(lists):
        if number in unlisted or reservations.refuses(number, name):
            asked.append(number)
        elif names is None:
            return ProjectOrigin(tuple(asked), unknown=number)
        elif name in names:
            return reservations.allowed(name, ProjectOrigin((*asked, number)))
    return reservations.allowed(name, ProjectOrigin((*asked, len(lists))))


class Merged(Struct, frozen=True):
    """Merged lists of all sources.

    Attributes:
        listed: name as displayed -> serial at the source that owns it.
        main: number of the source that owns every project outside `others`.
        others: normalised name -> number of the owning source.
        shared: normalised name -> numbers of the sources that share it.
        unknown: number of the first source whose list is unknown.
        is_unchanged: the list of the single source is that of an earlier run, and was not read.
    """

    listed: Listed
    main: int
    others: dict[str, int]
    unknown: int | None = None
    is_unchanged: bool = False
    shared: dict[str, tuple[int, ...]] = {}

    def owners(self, name: str) -> tuple[int, ...]:
        """Return the numbers of the sources that own a listed project."""
        return self.shared.get(name) or (self.others.get(name, self.main),)


def merge_lists(lists: Mapping[int, Listed], count: int, reservations: Reservations) -> Merged:
    """Merge the lists of several sources; the longest is changed in place, not copied.

    Projects of a source after one with an unknown list are omitted, unless they are reserved for
    it. Projects that sources share have no serial: those of two sources cannot be compared.

    Args:
        lists: by number of the source; missing if unknown.
        count: number of sources.
        reservations: of all sources.
    """
    unknown = next((number for number in range(count) if number not in lists), None)
    limit = count if unknown is None else unknown
    if not lists:
        return Merged({}, 0, {}, unknown)
    shared, shared_listed = _take_shared(lists, reservations)
    main = max(lists, key=lambda number: (len(lists[number]), -number))
    small: dict[str, tuple[int, str]] = {}
    for number in sorted(lists):
        if number == main:
            continue
        for display in lists[number]:
            name, reserved = normalized(display), reservations.owner(normalized(display))
            if reserved == number or (reserved is None and number < limit):
                small.setdefault(name, (number, display))
    listed = lists[main]
    for display in _not_of_main(listed, main, limit, small, reservations):
        del listed[display]
    for number, display in small.values():
        listed[display] = lists[number][display]
    listed.update(shared_listed)
    others = {name: number for name, (number, _) in small.items()}
    return Merged(listed, main, others, unknown, shared=shared)


def _take_shared(
    lists: Mapping[int, Listed], reservations: Reservations
) -> tuple[dict[str, tuple[int, ...]], Listed]:
    """Remove the projects that sources share from the lists; return their sources and a list."""
    shared: dict[str, tuple[int, ...]] = {}
    displays: dict[str, str] = {}
    for number in sorted(lists) if reservations.has_shared else ():
        listed = lists[number]
        found = {one: name for one in listed if reservations.shared(name := normalized(one))}
        for display, name in found.items():
            del listed[display]
            owners = reservations.shared(name)
            if number in owners:
                shared[name] = owners
                displays.setdefault(name, display)
    return shared, dict.fromkeys(displays.values())


def _not_of_main(
    listed: Iterable[str],
    main: int,
    limit: int,
    small: dict[str, tuple[int, str]],
    reservations: Reservations,
) -> list[str]:
    """Return the names of the longest list that others own; drop its own from the others."""
    dropped = []
    for display in listed:
        name = normalized(display)
        reserved, other = reservations.owner(name), small.get(name)
        if reserved is None:
            ours = main < limit and (other is None or other[0] > main)
        else:
            ours = reserved == main
        if not ours:
            dropped.append(display)
        elif other is not None:
            del small[name]
    return dropped


def parts_of(project: Project) -> tuple[Project, ...]:
    """Return one record per source of a project that several share, else the record as it is."""
    if not (project.files and project.files[0].source):
        return (project,)
    files: dict[str, list[File]] = {}
    for file in project.files:
        files.setdefault(file.source, []).append(file)
    if len(files) == 1:
        return (project,)
    return tuple(
        msgspec.structs.replace(
            project,
            files=tuple(found),
            # What was known before several shared it concerns all of them.
            withdrawn=tuple(one for one in project.withdrawn if one.source in {"", source}),
        )
        for source, found in files.items()
    )
