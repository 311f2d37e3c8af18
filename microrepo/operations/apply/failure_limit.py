"""Share of each project in a transfer: turns among projects, and a limit on failures in a row.

A project whose files all fail, such as a hostile one with a hundred thousand dead links, must not
delay the others.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

from microrepo.model import Action

MOST_FAILURES = 500
_PER_TURN = 100


def in_turns(chosen: Sequence[Action], seed: str) -> list[Action]:
    """Return files in turns of a hundred for each project, the largest of a turn first.

    Args:
        chosen: files of several projects.
        seed: of the run. Projects with more files than may fail begin at another file in each run,
            so that failing ones do not hide the others for ever.
    """
    by_project: dict[str, list[Action]] = {}
    for action in sorted(chosen, key=lambda action: -action.size_bytes):
        by_project.setdefault(action.project, []).append(action)
    turns: list[tuple[int, Action]] = []
    for actions in by_project.values():
        start = 0
        if len(actions) > MOST_FAILURES:
            start = zlib.crc32(seed.encode()) % len(actions)
        rotated = [*actions[start:], *actions[:start]]
        turns += [(number // _PER_TURN, action) for number, action in enumerate(rotated)]
    turns.sort(key=lambda item: (item[0], -item[1].size_bytes))
    return [action for _, action in turns]


class FailureLimit:
    """Counter of each project's failures in a row."""

    def __init__(self) -> None:
        self._in_a_row: Counter[str] = Counter()

    def succeeded(self, project: str) -> None:
        """Note a file that arrived."""
        if project in self._in_a_row:
            del self._in_a_row[project]

    def failed(self, project: str) -> bool:
        """Note a file that failed; return whether the project reaches its limit by that."""
        self._in_a_row[project] += 1
        return self._in_a_row[project] == MOST_FAILURES
