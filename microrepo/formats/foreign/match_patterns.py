"""Converter of patterns that `re.match` reads into patterns that are searched for."""

from __future__ import annotations

import re
from collections.abc import Iterable

from microrepo.formats.foreign.translation import Translating

_FLAGS = re.compile(r"\(\?([aiLmsux]+)\)")


def read_patterns(to: Translating, text: str | None, about: str) -> list[str]:
    """Return the patterns of a value, one per line; note those that are not patterns."""
    found = []
    for line in filter(str.strip, (text or "").split("\n")):
        try:
            re.compile(line)
        except re.error as error:
            to.note(about, f"{line!r} is not a regular expression ({error}); left out")
            continue
        found.append(line)
    return found


def anchored(pattern: str) -> str:
    """Return a pattern that is found only where `re.match` would find it: at the beginning."""
    local = _with_local_flags(pattern)
    if local.startswith("^") and "|" not in local:
        return local
    return f"^{local}" if local != pattern else f"^(?:{pattern})"


def all_of(groups: Iterable[Iterable[str]]) -> str:
    """Return one pattern for texts in which each group has a pattern that is found."""
    return "^" + "".join(f"(?=(?:{_alternatives(group)}))" for group in groups)


def _alternatives(group: Iterable[str]) -> str:
    return "|".join(
        local if (local := _with_local_flags(p)).startswith("^") else rf"[\s\S]*{local}"
        for p in group
    )


def _with_local_flags(pattern: str) -> str:
    """Return a pattern that can stand inside another one: `(?i)x` becomes `(?i:x)`."""
    flags = _FLAGS.match(pattern)
    return f"(?{flags[1]}:{pattern[flags.end() :]})" if flags else pattern
