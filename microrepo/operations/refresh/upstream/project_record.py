"""Records of projects as they are now, with what the state knew before."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from microrepo.model import Decision, Project
from microrepo.state import ProjectRow

Decide = Callable[[Project], tuple[Decision, ...]]


class Record(Struct, frozen=True):
    """A project's record as it is now.

    Attributes:
        project: the record.
        row: what is remembered of the project from here on, files aside.
        document: the packed record when it is not what the state holds already.
        before: what was remembered so far.
    """

    project: Project
    row: ProjectRow
    document: bytes | None
    before: ProjectRow | None

    @property
    def is_new(self) -> bool:
        """Return whether record or rules differ from what the state knew."""
        return (
            self.before is None
            or self.document is not None
            or self.before.policy != self.row.policy
        )
