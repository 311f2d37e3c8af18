"""The snapshot that refreshes are held at."""

from __future__ import annotations

from microrepo.state.database import State

PINNED = "pinned_snapshot"  # key of `meta`


def pinned_snapshot(state: State) -> str:
    """Return the name of the snapshot that refreshes are held at, "" without one."""
    return state.meta(PINNED) or ""
