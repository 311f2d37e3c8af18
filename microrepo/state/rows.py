"""The rows of the state as records, and the packed form of a project's document."""

from __future__ import annotations

import zlib
from enum import Enum

import msgspec
from msgspec import Struct

from microrepo.errors import StateCorrupt
from microrepo.model import Action, ActionKind, Cause, Digests, NormalizedName, Project

_decode_project = msgspec.msgpack.Decoder(Project).decode
_encode_project = msgspec.msgpack.Encoder().encode


class Owner(str, Enum):
    """Who put a file into the repository."""

    SOURCE = "source"
    MIRROR = "mirror"  # `adopt`, from another program's mirror: a source lists or listed it
    PERSON = "person"  # nobody but a person, so no run of ours deletes it


class ProjectRow(Struct, frozen=True, gc=False):
    """What is remembered of a project, without its document.

    Attributes:
        serial: of the stored document.
        complete: all files selected from that document are present and verified.
        policy: fingerprint of the rules that selected them.
        checked_at: when the source was last asked about it.
        error: why the last attempt failed, None when it did not.
        failures: failed attempts in a row.
        retry_at: not before this time is a failing project tried again.
        reconsider_at: when its selection changes only by the passing of time.
        source: name of the source that its document came from; "" from before names were kept.
        page_time: when its page was made, as the source says; an older answer is stale.
        doubted_at: when the source first listed so few of its files that this was not believed.
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
    """One file that is wanted or present.

    Attributes:
        size: bytes on disk when present, else as announced.
        digests: announced ones, completed by what was computed.
        cause: why it is here.
        detail: what the cause is about.
        owner: who put it here.
        present: it was verified in place, with this size and mtime; else the pages of an index
            without files name it.
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
        """Whether a source has listed the file; what only a person put there is kept."""
        return self.owner is not Owner.PERSON


class Requirer(Struct, frozen=True, gc=False):
    """Why a file was brought along: which requirement asked, for which environment.

    Attributes:
        parent: the release (``flask==3.0``) whose requirement it is; "" for the goal itself.
        goal: what the user asked for.
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
        cause: why the file came or went.
        detail: what the cause is about: a rule's words, a person's reason.
        sha256: of the file that came or went, where it was known.
        at: when the run began.
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
    """What a run did, in numbers."""

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
    """Return the line of the history for a file that comes or goes in a run."""
    sha256 = row.digests.sha256
    return HistoryRow(run, row.project, row.filename, action, cause, detail, row.size, sha256)


def pack(project: Project) -> bytes:
    """Return the compressed form in which a project's record is kept."""
    return zlib.compress(_encode_project(project), 1)


def unpack(document: bytes) -> Project:
    """Return the project that `pack` was given.

    Raises:
        StateCorrupt: the bytes are no packed project.
    """
    try:
        return _decode_project(zlib.decompress(document))
    except (TypeError, zlib.error, msgspec.DecodeError) as error:
        raise StateCorrupt("a stored document", f"cannot be read: {error}") from error
