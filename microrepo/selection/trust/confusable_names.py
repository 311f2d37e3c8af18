"""Finder of names that can be taken for the name of a well-known project.

A name is confusable with another one if they differ only in separators, only in characters that look
alike (`0` and `o`, `1`, `i` and `l`, `rn` and `m`), or by one edit: one character inserted, deleted or
replaced, or two neighbours swapped. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache

from msgspec import Struct

from microrepo.selection.trust.well_known_names import well_known_names

# Below, too many honest names are one edit from another, such as `rich` and `ruch`.
_LEAST_EDITED = 5
_LEAST_SWAPPED = 4
_LEAST_ALIKE = 3
_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "5": "s"})


class Likeness(Enum):
    """How a name is like another; the values are texts for people."""

    SEPARATORS = "differs only in separators from"
    LOOKS = "looks like"
    EDIT = "is one edit from"


class Confusable(Struct, frozen=True):
    """A well-known name that another name is like."""

    name: str
    likeness: Likeness

    def __str__(self) -> str:
        return f"{self.likeness.value} {self.name}"


class NameIndex:
    """Index of names, to find those that a name is like.

    One edit leaves the first or the second half of a name as it is, so names are found by their
    halves; a swap across the middle is undone. That takes a tenth of the time and memory of an index
    of all deletions.

    Args:
        names: normalised names.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._bare: dict[str, str] = {}
        self._looks: dict[str, str] = {}
        self._starts: dict[str, list[str]] = {}
        self._ends: dict[str, list[str]] = {}
        for name in sorted(self._names):
            self._bare.setdefault(name.replace("-", ""), name)
            self._looks.setdefault(_look(name), name)
            if len(name) >= _LEAST_EDITED:
                half = len(name) // 2
                self._starts.setdefault(name[:half], []).append(name)
                self._ends.setdefault(name[half:], []).append(name)

    def find(self, name: str) -> Confusable | None:
        """Return the name that a normalised name is like, None if there is none or it is listed."""
        if name in self._names or len(name) < _LEAST_ALIKE:
            return None
        known = self._bare.get(name.replace("-", ""))
        if known is not None:
            return Confusable(known, Likeness.SEPARATORS)
        known = self._looks.get(_look(name))
        if known is not None:
            return Confusable(known, Likeness.LOOKS)
        known = next(self._edited(name), None)
        return None if known is None else Confusable(known, Likeness.EDIT)

    def _edited(self, name: str) -> Iterator[str]:
        """Yield the names that are one edit from a name."""
        if len(name) >= _LEAST_SWAPPED:
            yield from (swapped for swapped in _swaps(name) if swapped in self._names)
        if len(name) < _LEAST_EDITED:
            return
        for length in (len(name), len(name) + 1, len(name) - 1):
            half = length // 2
            near = (*self._starts.get(name[:half], ()), *self._ends.get(name[half - length :], ()))
            for known in near:
                if len(known) == length and _is_one_edit(name, known):
                    yield known


def _look(name: str) -> str:
    """Return what a name looks like: equal for names that differ only in characters that look alike."""
    return name.translate(_ALIKE).replace("rn", "m").replace("vv", "w")


def _swaps(name: str) -> Iterator[str]:
    """Yield the name with each two neighbours swapped."""
    for at in range(len(name) - 1):
        yield f"{name[:at]}{name[at + 1]}{name[at]}{name[at + 2 :]}"


def _is_one_edit(name: str, known: str) -> bool:
    """Return whether one insertion, deletion or replacement leads from one name to the other."""
    start = 0
    shorter = min(len(name), len(known))
    while start < shorter and name[start] == known[start]:
        start += 1
    if len(name) == len(known):
        return name[start + 1 :] == known[start + 1 :] and not _is_number(name, known, start)
    if len(name) > len(known):
        return name[start + 1 :] == known[start:]
    return name[start:] == known[start + 1 :]


def _is_number(name: str, known: str, at: int) -> bool:
    """Return whether a number in the last word differs, as in `-cu12` and `-cu13`."""
    return name[at : at + 1].isdigit() and known[at].isdigit() and 0 <= name.rfind("-") < at


@cache
def _well_known() -> NameIndex:
    return NameIndex(well_known_names())


def confusable_with(name: str) -> Confusable | None:
    """Return the well-known project that a normalised name can be taken for, None without any."""
    return None if name in well_known_names() else _well_known().find(name)
