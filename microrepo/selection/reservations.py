"""Reservations of names: what the settings say about the source of a project. Pure."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.errors import ConfigError

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
        refused: numbers of the sources that must not provide it, because its name is reserved.
        is_reserved: the settings say where it comes from.
    """

    candidates: tuple[int, ...] = ()
    unknown: int | None = None
    is_merged: bool = False
    refused: tuple[int, ...] = ()
    is_reserved: bool = False


class Reservations:
    """Owners of names by the `packages` and the `merged` of the sources.

    Args:
        patterns: names, globs and ``re:`` patterns of each source: what only it has.
        merged: the same: what it shares with the other sources that name it.
        refused: the same, by its number: what it must not provide.

    Attributes:
        has_shared: some source shares projects.

    Raises:
        ConfigError: a pattern cannot be read.
    """

    def __init__(
        self,
        patterns: Sequence[Sequence[str]],
        merged: Sequence[Sequence[str]] = (),
        refused: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        self._count = len(patterns)
        self._matchers = _matchers(patterns, "sources: packages")
        self._shared = _matchers(merged, "sources: merged")
        self._refusals = {
            number: _matcher(words, "reserved_names") for number, words in (refused or {}).items()
        }
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
        return tuple(
            number
            for number, matcher in self._shared
            if matcher(name) and not self.refuses(number, name)
        )

    def origin(self, name: str) -> ProjectOrigin | None:
        """Return where a project comes from if the settings decide it; None if the lists do."""
        owner = self.owner(name)
        if owner is not None:
            others = tuple(number for number in range(self._count) if number != owner)
            return ProjectOrigin((owner,), refused=others, is_reserved=True)
        shared = self.shared(name)
        if not shared:
            return None
        return ProjectOrigin(shared, is_merged=len(shared) > 1, is_reserved=True)

    def refuses(self, number: int, name: str) -> bool:
        """Return whether a source must not provide a project."""
        matcher = self._refusals.get(number)
        return matcher is not None and bool(matcher(name)) and self.owner(name) != number

    def without_refused(self, number: int, listed: Listed) -> Listed:
        """Return the list of a source without what it must not provide."""
        if number not in self._refusals:
            return listed
        return {
            name: serial
            for name, serial in listed.items()
            if not self.refuses(number, normalized(name))
        }

    def allowed(self, name: str, origin: ProjectOrigin) -> ProjectOrigin:
        """Return an origin without the sources that must not provide the project."""
        refused = tuple(one for one in origin.candidates if self.refuses(one, name))
        if not refused:
            return origin
        allowed = tuple(one for one in origin.candidates if one not in refused)
        return msgspec.structs.replace(origin, candidates=allowed, refused=refused)


Matcher = Callable[[str], object]


def _matchers(patterns: Sequence[Sequence[str]], key: str) -> list[tuple[int, Matcher]]:
    return [(number, _matcher(words, key)) for number, words in enumerate(patterns) if words]


def _matcher(words: Sequence[str], key: str) -> Matcher:
    """Return a function that returns whether a normalised name matches the words of a setting."""
    wholes: list[str] = []
    # Searched anywhere in the name, as in the lists of rules; one by one, because of groups.
    searches: list[Callable[[str], object]] = []
    for word in words:
        text = word.strip()
        if text.startswith("re:"):
            searches.append(_compiled(text[3:], word, key).search)
        elif not _NAME_OR_GLOB(text):
            raise ConfigError(f"$.{key}: {word!r} is not a name, a glob or a `re:` pattern")
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
        raise ConfigError(f"$.{key}: {word!r}: no pattern: {error}") from error


def normalized(display: str) -> str:
    """Return the normalised name; faster than a pattern for the many plain names."""
    name = display.lower().replace("_", "-").replace(".", "-")
    return canonicalize_name(display) if "--" in name else name
