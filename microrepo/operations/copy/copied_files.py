"""Record of the files that a copy put into a directory, with the digests that they were compared with.

Without it, a later `verify` of the directory would have nothing to compare with.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from microrepo.model import Action, Outcome
from microrepo.plan import file_of
from microrepo.state import open_state
from microrepo.state.tables.found_table import FoundRow
from microrepo.stores.flat_directory import FlatDirectory

# The content may have been linked unread, and its metadata was not read: `verify`, `check` and
# `index` read it.
_NEVER = 0


class CopiedFiles:
    """Records copied files in the state of their directory; without digests there is none.

    Args:
        directory: the destination, whose lock the caller holds.
    """

    def __init__(self, directory: FlatDirectory) -> None:
        self._directory = directory

    def record(self, arrived: Sequence[tuple[Action, Outcome]]) -> None:
        """Record files; those that a refresh of the directory keeps stay as they are recorded.

        Raises:
            RepositoryError: the state cannot be written.
        """
        rows = [
            _row(action, outcome)
            for action, outcome in arrived
            if outcome.digests.strongest() is not None
        ]
        if not rows:
            return
        state, _ = open_state(self._directory.state_file)
        try:
            held = state.files_named(row.filename for row in rows)
            new = [row for row in rows if not ((one := held.get(row.filename)) and one.present)]
            with state.transaction():
                state.publication.forget_found(row.filename for row in new)
                state.publication.save_found(new)
        finally:
            state.close()


def _row(action: Action, outcome: Outcome) -> FoundRow:
    file = file_of(action)
    size = outcome.size_bytes or file.size or 0
    file = msgspec.structs.replace(file, url="", digests=outcome.digests, size=size)
    return FoundRow(action.filename, action.project, size, _NEVER, action.project, file)
