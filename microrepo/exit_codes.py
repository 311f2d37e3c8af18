"""Exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit code of a command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    LOCKED = 4
    INTERRUPTED = 130
    TERMINATED = 143

    # The number in every Python, also before 3.11.
    __str__ = int.__repr__
    __format__ = int.__format__  # type: ignore[assignment]
