"""Rows of the state as records, and the packed form of documents."""

from __future__ import annotations

import zlib
from enum import Enum
from weakref import WeakValueDictionary

import msgspec
from msgspec import Struct

from microrepo.errors import StateCorrupt
from microrepo.model import Action, ActionKind, Cause, Digests, NormalizedName, Project

_decode_project = msgspec.msgpack.Decoder(Project).decode
_encode_project = msgspec.msgpack.Encoder().encode
# A run reads the records that it works with from the state again, to write pages.
_unpacked: WeakValueDictionary[bytes, Project] = WeakValueDictionary()


class Owner(str, Enum):
    """Who put a file into the repository."""

    SOURCE = "source"
    MIRROR = "mirror"  # `adopt`, from another program's mirror: a source lists or listed it
    PERSON = "person"  # only a user: no run deletes it


class ProjectRow(Struct, frozen=True, gc=False):
    """Row of a project, without its document.

    Attributes:
        serial: serial of the stored document.
        complete: all files selected from that document are present and verified.
        policy: fingerprint of the rules that selected them.
        checked_at: time of the last request to the source.
        error: why the last attempt failed, None after a success.
        failures: failed attempts in a row.
        retry_at: time before which a failing project is not retried.
        reconsider_at: time at which its selection changes without a change at the source.
        source: name of the source that its document came from; "" from before names were kept.
        page_time: time of its page, from the source; older responses are stale.
        doubted_at: time when the source first listed doubtfully few of its files.
    """

    name: NormalizedName
    display_name: str
    serial: int | None = None
    etag: str | None = None
    status: str = "active"
    complete: bool = False
    policy: str = ""
    checked_at: str | None = None
    error: str | None = None
    failures: int = 0
    retry_at: str | None = None
    reconsider_at: str | None = None
    source: str = ""
    page_time: str | None = None
    doubted_at: str | None = None


class FileRow(Struct, frozen=True, gc=False):
    """Row of a file that is selected or present.

    Attributes:
        size: bytes on disk if present, else as listed.
        digests: listed ones and computed ones.
        cause: cause of its presence.
        detail: what the cause is about.
        owner: who put it there.
        present: it was verified in place, with this size and mtime; otherwise only the pages of an
            index list it.
    """

    filename: str
    project: NormalizedName
    version: str
    url: str
    size: int | None
    digests: Digests
    present: bool
    mtime_ns: int = 0
    cause: Cause = Cause.SELECTED
    detail: str = ""
    owner: Owner = Owner.SOURCE

    @property
    def is_ours(self) -> bool:
        """Whether a source has listed the file; files that only a user put there are kept."""
        return self.owner is not Owner.PERSON


class Requirer(Struct, frozen=True, gc=False):
    """Requirement that needs a file, in an environment.

    Attributes:
        parent: the release (``flask==3.0``) whose requirement it is; "" for the goal itself.
        goal: the user's requirement.
    """

    filename: str
    environment: str
    requirement: str
    parent: str = ""
    goal: str = ""


class HistoryRow(Struct, frozen=True, gc=False):
    """One change of one run.

    Attributes:
        action: ``add``, ``adopt``, ``repair``, ``delete``, ``quarantine``.
        cause: cause of the change.
        detail: detail of the cause: text of a rule or of a user.
        sha256: digest of the file, if known.
        at: start of the run.
    """

    run: int
    project: str
    filename: str
    action: str
    cause: Cause
    detail: str = ""
    size: int | None = None
    sha256: str | None = None
    at: str = ""


class RunTotals(Struct, frozen=True, gc=False):
    """Totals of a run."""

    downloaded: int = 0
    downloaded_bytes: int = 0
    deleted: int = 0
    deleted_bytes: int = 0
    failed: int = 0


class RunRow(Struct, frozen=True, gc=False):
    """One run; `report` is its JSON report."""

    id: int
    started_at: str
    ended_at: str | None
    exit_code: int | None
    report: str | None
    command: str = ""
    totals: RunTotals = RunTotals()


def deletion_of(row: FileRow, cause: Cause, detail: str = "", *, replaced: bool = False) -> Action:
    """Return the deletion of a recorded file."""
    size = row.size or 0
    return Action(ActionKind.DELETE, row.filename, row.project, cause, None, detail, size, replaced)


def change_of(row: FileRow, run: int, action: str, cause: Cause, detail: str = "") -> HistoryRow:
    """Return the history row for a file that a run adds or deletes."""
    sha256 = row.digests.sha256
    return HistoryRow(run, row.project, row.filename, action, cause, detail, row.size, sha256)


def pack(project: Project) -> bytes:
    """Return a project's record in packed form."""
    return zlib.compress(_encode_project(project), 1)


def unpack(document: bytes) -> Project:
    """Return the project from its packed form.

    Raises:
        StateCorrupt: the bytes are not a packed project.
    """
    known = _unpacked.get(document)
    if known is not None:
        return known
    try:
        project = _unpacked[document] = _decode_project(zlib.decompress(document))
    except (TypeError, zlib.error, msgspec.DecodeError) as error:
        raise StateCorrupt("a stored document", f"cannot be read: {error}") from error
    return project
