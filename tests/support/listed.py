"""Names by the hundred thousand that an index lists, and that have no file: made from numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

from tests.support.index import IndexProject

_SYLLABLES = [
    first + vowel + last
    for first in ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z")
    for vowel in ("a", "e", "i", "o", "u")
    for last in ("", "n", "r", "s", "x")
]
_NAME = re.compile(r"[a-z]+-[a-z]+-x([0-9a-f]+)$")
_SERIALS = 900  # below the first serial of an index


class ListedOnly:
    """So many projects without files, of serials that never change.

    Nothing is kept of them but the text of the root, which is made once.
    """

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """Yield (name, serial)."""
        return ((_name(number), _serial(number)) for number in range(self.count))

    def find(self, name: str) -> IndexProject | None:
        """Return the project of a normalised name, None if it is not one of these."""
        match = _NAME.match(name)
        number = int(match.group(1), 16) if match else self.count
        if number >= self.count or _name(number) != name:
            return None
        return IndexProject(name, _serial(number))

    @cached_property
    def json_entries(self) -> bytes:
        """The entries of the root's JSON form, with a comma between them."""
        return ",".join(
            f'{{"name":"{name}","_last-serial":{serial}}}' for name, serial in self
        ).encode()

    @cached_property
    def html_anchors(self) -> bytes:
        """The lines of the root's HTML form."""
        return "".join(f'    <a href="/simple/{name}/">{name}</a>\n' for name, _ in self).encode()


def _name(number: int) -> str:
    # Scattered, so that neighbours have little in common, as in a real list.
    scattered = number * 2654435761 % 2**32
    first = _SYLLABLES[scattered % 350] + _SYLLABLES[scattered // 350 % 350]
    return f"{first}-{_SYLLABLES[scattered // 122500 % 350]}-x{number:x}"


def _serial(number: int) -> int:
    return 1 + number * 31 % _SERIALS
