"""Constructors of file rows."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from microrepo.model import Action, ActionKind, Cause, Digests, File, LocalFile, NormalizedName
from microrepo.plan import file_of
from microrepo.state.rows import FileRow, Owner


class Origin(Struct, frozen=True, gc=False):
    """Cause and owner of a file in a repository."""

    cause: Cause
    detail: str = ""
    owner: Owner = Owner.SOURCE


def origin_of(row: FileRow) -> Origin:
    """Return the origin of a recorded file."""
    return Origin(row.cause, row.detail, row.owner)


def placed_row(action: Action, local: LocalFile, origin: Origin) -> FileRow:
    """Return the row of a file in the repository.

    Args:
        action: the action; digests, URL and version of its file are kept.
        local: the verified file on disk.
        origin: cause and owner.
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
    """Return the row of a file that pages list; a downloaded file stays present.

    Args:
        action: lists the file, or keeps it listed.
        kept: its previous row, if it is kept.
        origin: cause and owner.
    """
    known = Digests() if kept is None else kept.digests
    if kept is not None and kept.present:
        local = LocalFile(action.filename, kept.size, kept.mtime_ns, digests=known)
        return placed_row(action, local, origin)
    local = LocalFile(action.filename, file_of(action).size, digests=known)
    return msgspec.structs.replace(placed_row(action, local, origin), present=False)


def leaving_row(action: Action, local: LocalFile | None) -> FileRow | None:
    """Return the row of a file to delete that a lost state had; its deletion may wait."""
    if local is None or not local.recorded or local.digests == Digests():
        return None
    file = File(action.filename, "", "", "", local.digests)
    action = msgspec.structs.replace(action, file=file)
    return placed_row(action, local, Origin(action.cause, action.detail))


def unrecorded_row(file: File, project: NormalizedName, mtime_ns: int) -> FileRow:
    """Return the row of a file that no refresh downloaded.

    Args:
        file: its record.
        mtime_ns: its time when the digests were computed; 0 if unknown.
    """
    action = Action(ActionKind.ADOPT, file.filename, project, Cause.ADOPTED, file)
    local = LocalFile(file.filename, file.size, mtime_ns)
    return placed_row(action, local, Origin(Cause.ADOPTED, owner=Owner.PERSON))
