"""Consent to many deletions, asked for at a terminal."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from microrepo.cli import terminal
from microrepo.config.schema import Config
from microrepo.operations.records.report import Report

_YES = frozenset({"y", "yes"})


def with_consent(config: Config, run: Callable[[Config], Report], *, quiet: bool) -> Report:
    """Run; if `max_deletes` stopped it, ask whether to delete, and run again after a yes.

    Args:
        run: runs the operation with settings; it deletes nothing if it refuses.
        quiet: ask nothing.
    """
    report = run(config)
    count = report.refused_deletes
    if (
        not count
        or report.dry_run
        or quiet
        or not (terminal.has_reader() and terminal.shows_bars())
    ):
        return report
    what, it = ("file", "it") if count == 1 else ("files", "them")
    question = f"{count} {what} would be deleted without a replacement. Delete {it}? [y/N] "
    try:
        agreed = terminal.read_line(question).strip().lower() in _YES
    except EOFError:
        agreed = False
    return run(msgspec.structs.replace(config, max_deletes=count)) if agreed else report
