"""Failures of the last refresh, from its report in the state."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from microrepo.model import NormalizedName
from microrepo.operations.records.report import Failure
from microrepo.state import State


class RecordedFailures(Struct, frozen=True):
    """What the last refresh did not bring.

    Attributes:
        failed: goals, projects and files, and why.
        missing: requested projects that the source did not have.
    """

    failed: tuple[Failure, ...] = ()
    missing: tuple[str, ...] = ()

    def about(self, name: NormalizedName) -> tuple[Failure, ...]:
        """Return the failures of goals that ask for a project."""
        return tuple(one for one in self.failed if name in one.projects)


def recorded_failures(state: State) -> RecordedFailures:
    """Return the failures of the newest finished refresh; none without one."""
    row = next((row for row in state.ended_runs() if row.command == "refresh"), None)
    if row is None:
        return RecordedFailures()
    try:
        return msgspec.json.decode(row.report or "{}", type=RecordedFailures)
    except msgspec.DecodeError:  # of an earlier version of the program
        return RecordedFailures()
