"""Command line. Workers import this package too, so it loads nothing until it is called."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: arguments without the program's name; None takes them from the process.

    Returns:
        The exit code: 0 done, 1 failed, 2 usage or configuration, 3 finished but something is
        missing, 4 another run holds the lock, 130 or 143 interrupted.
    """
    from microrepo.cli.program import run

    return run(argv)
