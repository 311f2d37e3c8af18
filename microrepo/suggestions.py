"""Suggestions for misspelt words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, choices: Iterable[str], likeness: float = 0.72) -> str | None:
    """Return the choice that a word is most like, None if none is like it.

    Case and leading dashes do not count. `likeness` is the least share of letters that the two
    have in common, in order.
    """
    known = {choice.lstrip("-").casefold(): choice for choice in choices}
    near = difflib.get_close_matches(word.lstrip("-").casefold(), known, 1, likeness)
    return known[near[0]] if near else None
