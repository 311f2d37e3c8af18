"""Rows of files: the one place where they are built."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from microrepo.model import Action, ActionKind, Cause, Digests, File, LocalFile, NormalizedName
from microrepo.plan import file_of
from microrepo.state.rows import FileRow, Owner


class Origin(Struct, frozen=True, gc=False):
    """Why a file is in a repository, and who put it there."""

    cause: Cause
    detail: str = ""
    owner: Owner = Owner.SOURCE


def origin_of(row: FileRow) -> Origin:
    """Return why a recorded file is here."""
    return Origin(row.cause, row.detail, row.owner)


def placed_row(action: Action, local: LocalFile, origin: Origin) -> FileRow:
    """Return the row of a file in the repository.

    Args:
        action: what led to it; its file's digests, url and version are kept.
        local: the file there, as verified.
        origin: why it is there.
    """
    file = file_of(action)
    return FileRow(
        filename=action.filename,
        project=NormalizedName(action.project),
        version=file.version,
        url=file.url,
        size=local.size_bytes,
        digests=file.digests.completed_by(local.digests),
        present=True,
        mtime_ns=local.mtime_ns,
        cause=origin.cause,
        detail=origin.detail,
        owner=origin.owner,
    )


def listed_row(action: Action, kept: FileRow | None, origin: Origin) -> FileRow:
    """Return the row of a file that pages name; one that an earlier run fetched stays present.

    Args:
        action: lists the file, or keeps it listed.
        kept: its row so far, when it is kept.
        origin: why it is listed.
    """
    known = Digests() if kept is None else kept.digests
    if kept is not None and kept.present:
        local = LocalFile(action.filename, kept.size, kept.mtime_ns, digests=known)
        return placed_row(action, local, origin)
    local = LocalFile(action.filename, file_of(action).size, digests=known)
    return msgspec.structs.replace(placed_row(action, local, origin), present=False)


def leaving_row(action: Action, local: LocalFile | None) -> FileRow | None:
    """Return the row of a file to be deleted that a lost state knew: its deletion may wait."""
    if local is None or not local.recorded or local.digests == Digests():
        return None
    file = File(action.filename, "", "", "", local.digests)
    action = msgspec.structs.replace(action, file=file)
    return placed_row(action, local, Origin(action.cause, action.detail))


def unrecorded_row(file: File, project: NormalizedName, mtime_ns: int) -> FileRow:
    """Return the row of a file that no refresh has brought.

    Args:
        file: what is known of it.
        project: that it belongs to.
        mtime_ns: its time when it had the digests that the file tells; 0 where nobody knows.
    """
    action = Action(ActionKind.ADOPT, file.filename, project, Cause.ADOPTED, file)
    local = LocalFile(file.filename, file.size, mtime_ns)
    return placed_row(action, local, Origin(Cause.ADOPTED, owner=Owner.PERSON))
