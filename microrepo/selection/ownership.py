"""Source of a project among several: reservations first, then lists. Pure.

A name that a source reserves belongs to it, whether it has the project or not; a name that sources
share belongs to all of them together; any other name belongs to the first source that lists it. While the list of a source is unknown, no later source
can own a name that it might list: a private name must never be requested from a public index.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.errors import ConfigError
from microrepo.model import File, NormalizedName, Project

# List of a source: name as displayed -> serial.
Listed = dict[str, int | None]


# Anything else would match no name, and silently reserve nothing.
_NAME_OR_GLOB = re.compile(r"[A-Za-z0-9*?\[]([A-Za-z0-9._*?\[\]!-]*[A-Za-z0-9*?\]])?").fullmatch


class ProjectOrigin(Struct, frozen=True):
    """Where a project comes from.

    Attributes:
        candidates: numbers of the sources to request it from, in order; empty: no source has it.
        unknown: number of the source whose missing list prevents the decision if no candidate has
            the project, or None.
        is_merged: the project is merged from all candidates, instead of read from the first that
            has it.
    """

    candidates: tuple[int, ...] = ()
    unknown: int | None = None
    is_merged: bool = False


class Reservations:
    """Owners of names by the `packages` and the `merged` of the sources.

    Args:
        patterns: names, globs and ``re:`` patterns of each source: what only it has.
        merged: the same: what it shares with the other sources that name it.

    Attributes:
        has_shared: some source shares projects.

    Raises:
        ConfigError: a pattern cannot be read.
    """

    def __init__(
        self, patterns: Sequence[Sequence[str]], merged: Sequence[Sequence[str]] = ()
    ) -> None:
        self._matchers = _matchers(patterns, "packages")
        self._shared = _matchers(merged, "merged")
        self.has_shared = bool(self._shared)

    def owner(self, name: str) -> int | None:
        """Return the number of the first source that reserves a normalised name."""
        for number, matcher in self._matchers:
            if matcher(name):
                return number
        return None

    def shared(self, name: str) -> tuple[int, ...]:
        """Return the numbers of the sources that share a normalised name; a reserved one is not."""
        if not self._shared or self.owner(name) is not None:
            return ()
        return tuple(number for number, matcher in self._shared if matcher(name))

    def origin(self, name: str) -> ProjectOrigin | None:
        """Return where a project comes from if the settings decide it; None if the lists do."""
        reserved = self.owner(name)
        if reserved is not None:
            return ProjectOrigin((reserved,))
        shared = self.shared(name)
        return ProjectOrigin(shared, is_merged=len(shared) > 1) if shared else None


Matcher = Callable[[str], object]


def _matchers(patterns: Sequence[Sequence[str]], key: str) -> list[tuple[int, Matcher]]:
    return [(number, _matcher(words, key)) for number, words in enumerate(patterns) if words]


def _matcher(words: Sequence[str], key: str) -> Matcher:
    """Return a function that returns whether a normalised name matches the words."""
    wholes: list[str] = []
    # Searched anywhere in the name, as in the lists of rules; one by one, because of groups.
    searches: list[Callable[[str], object]] = []
    for word in words:
        text = word.strip()
        if text.startswith("re:"):
            searches.append(_compiled(text[3:], word, key).search)
        elif not _NAME_OR_GLOB(text):
            raise ConfigError(
                f"$.sources: {key}: {word!r} is not a name, a glob or a `re:` pattern"
            )
        elif any(char in text for char in "*?["):
            wholes.append(fnmatch.translate(text.lower().replace("_", "-").replace(".", "-")))
        else:
            wholes.append(re.escape(canonicalize_name(text)))
    whole = _compiled("|".join(wholes), str(words), key).fullmatch
    if not searches:
        return whole
    return lambda name: whole(name) or any(search(name) for search in searches)


def _compiled(pattern: str, word: str, key: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"$.sources: {key}: {word!r}: no pattern: {error}") from error


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
        if number in unlisted:
            asked.append(number)
        elif names is None:
            return ProjectOrigin(tuple(asked), unknown=number)
        elif name in names:
            return ProjectOrigin((*asked, number))
    return ProjectOrigin((*asked, len(lists)))


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


def normalized(display: str) -> str:
    """Return the normalised name; faster than a pattern for the many plain names."""
    name = display.lower().replace("_", "-").replace(".", "-")
    return canonicalize_name(display) if "--" in name else name
