"""Rows of the state for files of a plan: the one place where they are built."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from microrepo.cause_texts import action_text
from microrepo.model import Action, Digests, LocalFile, NormalizedName
from microrepo.plan import file_of
from microrepo.state import FileRow, HistoryRow


def placed_row(action: Action, local: LocalFile, reason: str) -> FileRow:
    """Return the row of a file that lies in the repository.

    Args:
        action: what led to it; its file's digests, url and version are kept.
        local: what lies there, as verified.
        reason: why it is wanted.
    """
    file = file_of(action)
    return FileRow(
        filename=action.filename,
        project=NormalizedName(action.project),
        version=file.version,
        url=file.url,
        size=local.size_bytes,
        digests=file.digests.completed_by(local.digests),
        reason=reason,
        present=True,
        mtime_ns=local.mtime_ns,
    )


def listed_row(action: Action, kept: FileRow | None, reason: str) -> FileRow:
    """Return the row of a file that pages name; one that an earlier run fetched stays present.

    Args:
        action: lists the file, or keeps it listed.
        kept: its row so far, when it is kept.
        reason: why it is wanted.
    """
    file = file_of(action)
    digests = file.digests if kept is None else file.digests.completed_by(kept.digests)
    if kept is not None and kept.present:
        local = LocalFile(action.filename, kept.size, kept.mtime_ns, digests=digests)
        return placed_row(action, local, reason)
    return FileRow(
        filename=action.filename,
        project=NormalizedName(action.project),
        version=file.version,
        url=file.url,
        size=file.size,
        digests=digests,
        reason=reason,
        present=False,
    )


def leaving_row(action: Action, local: LocalFile | None) -> FileRow | None:
    """Return the row of a file to be deleted that a lost state knew: its deletion may wait."""
    if local is None or not local.recorded or local.digests == Digests():
        return None
    return FileRow(
        filename=action.filename,
        project=NormalizedName(action.project),
        version="",
        url="",
        size=local.size_bytes,
        digests=local.digests,
        reason=action_text(action),
        present=True,
        mtime_ns=local.mtime_ns,
    )


def history_rows(
    run: int, verb: str, changes: Iterable[tuple[Action, FileRow]]
) -> Iterator[HistoryRow]:
    """Yield what the history keeps of files that came: which run, what it did, and why.

    Args:
        run: its number.
        verb: what it did; "" for the kind of each action.
        changes: actions with the rows that they led to.
    """
    for action, row in changes:
        yield HistoryRow(
            run,
            row.project,
            row.filename,
            verb or action.kind.value,
            action_text(action),
            row.size,
            row.digests.sha256,
        )
