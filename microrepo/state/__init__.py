"""State of a repository: SQLite, one writer, a versioned schema."""

from microrepo.state.database import State
from microrepo.state.opening import explained_errors, is_damage, open_state, read_state
from microrepo.state.rows import (
    FileRow,
    HistoryRow,
    Owner,
    ProjectRow,
    Requirer,
    RunRow,
    RunTotals,
    change_of,
    deletion_of,
    pack,
    unpack,
)
from microrepo.state.tables.project_table import SETTLED_LIST, KnownProject, Settled

__all__ = [
    "SETTLED_LIST",
    "FileRow",
    "HistoryRow",
    "KnownProject",
    "Owner",
    "ProjectRow",
    "Requirer",
    "RunRow",
    "RunTotals",
    "Settled",
    "State",
    "change_of",
    "deletion_of",
    "explained_errors",
    "is_damage",
    "open_state",
    "pack",
    "read_state",
    "unpack",
]
