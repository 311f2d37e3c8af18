"""Suggestions: the known word that a misspelt one stands for."""

from __future__ import annotations

from collections.abc import Iterable

# A short word is a letter away from many others, so only one slip is allowed in it.
_SHORT = 5


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that is one or two slips away from a word, None if there is none.

    A slip is a letter too many, too few, wrong, or swapped with the next one. Case and leading
    dashes do not count.
    """
    typed = word.lstrip("-").casefold()
    limit = 1 if len(typed) < _SHORT else 2
    near = min(
        ((_slips(typed, choice.lstrip("-").casefold(), limit), choice) for choice in choices),
        default=(limit + 1, ""),
    )
    return near[1] if near[0] <= limit else None


def _slips(one: str, other: str, limit: int) -> int:
    """Return the number of slips between two words, or more than `limit`."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        following = [i]
        for j, wanted in enumerate(other, start=1):
            slips = min(row[j] + 1, following[j - 1] + 1, row[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and (one[i - 2], letter) == (wanted, other[j - 2]):
                slips = min(slips, before[j - 2] + 1)
            following.append(slips)
        before, row = row, following
    return row[-1]
