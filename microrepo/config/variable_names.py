"""Names of variables of the environment: those that set nothing, and what they were meant to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from microrepo.config.declared_options import KEYS
from microrepo.suggestions import nearest

_PREFIX = "MICROREPO_"
# Variables with another meaning, and those that a hook or a scanner of files is given.
_OTHERS = frozenset(
    {"CONFIG", "NO_INPUT", "FILE", "OPERATION", "RUN", "EXIT_CODE", "REPORT", "CHANGES", "ADDS"}
    | {"DELETES"}
)
_CREDENTIALS = ("_USERNAME", "_PASSWORD")


def misspelt_variables(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield variables that are a slip away from one that sets an option, and that one."""
    known = {key.upper() for key in KEYS}
    for name in sorted(names):
        word = name.removeprefix(_PREFIX)
        if word == name or word in known or word in _OTHERS or word.endswith(_CREDENTIALS):
            continue
        near = nearest(word, (*sorted(known), "CONFIG"))
        if near:
            yield name, _PREFIX + near
