"""Current records of projects, with their previous rows."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from microrepo.model import Decision, Project
from microrepo.state import ProjectRow

Decide = Callable[[Project], tuple[Decision, ...]]


class Record(Struct, frozen=True):
    """A project's current record.

    Attributes:
        project: the record.
        row: the new row of the project.
        document: the packed record, if it differs from the stored one.
        before: the previous row.
        is_substituted: it lists held files instead of others that the source lists under their names.
    """

    project: Project
    row: ProjectRow
    document: bytes | None
    before: ProjectRow | None
    is_substituted: bool = False

    @property
    def is_new(self) -> bool:
        """Return whether the record or the rules differ from the state."""
        return (
            self.before is None
            or self.document is not None
            or self.before.policy != self.row.policy
        )
