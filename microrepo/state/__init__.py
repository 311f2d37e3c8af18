"""What a repository remembers: SQLite, one writer, a versioned schema."""

from microrepo.state.database import (
    KnownProject,
    State,
    explained_errors,
    open_state,
    read_state,
)
from microrepo.state.rows import (
    ADOPTED,
    FileRow,
    HistoryRow,
    ProjectRow,
    Requirer,
    RunRow,
    deletion_of,
    pack,
    unpack,
)

__all__ = [
    "ADOPTED",
    "FileRow",
    "HistoryRow",
    "KnownProject",
    "ProjectRow",
    "Requirer",
    "RunRow",
    "State",
    "deletion_of",
    "explained_errors",
    "open_state",
    "pack",
    "read_state",
    "unpack",
]
