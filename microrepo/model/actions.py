"""Actions of a plan, existing files, and outcomes."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from msgspec import Struct

from microrepo.model.causes import Cause
from microrepo.model.digests import Digests
from microrepo.model.project_records import File


class ActionKind(str, Enum):
    """What a plan does with one file name; `INDEX` lists a file stored elsewhere."""

    DOWNLOAD = "download"
    INDEX = "index"
    ADOPT = "adopt"
    KEEP = "keep"
    DELETE = "delete"
    CONFLICT = "conflict"


class Action(Struct, frozen=True, gc=False, rename={"cause": "reason"}):
    """One action of a plan.

    Attributes:
        kind: what to do.
        filename: name in the flat directory.
        project: project that selects (or selected) the file; "" for a file without one.
        cause: why; `reason` in JSON.
        file: record of the source; None for deletions.
        detail: detail of the cause: text of the rule, another project, a user's reason.
        size_bytes: bytes to transfer or free, 0 if unknown.
        replaced: for deletions: another file of the same project replaces it.
        claimants: other projects that list a file of this name with different content.
    """

    kind: ActionKind
    filename: str
    project: str
    cause: Cause
    file: File | None = None
    detail: str = ""
    size_bytes: int = 0
    replaced: bool = False
    claimants: tuple[str, ...] = ()


class LocalFile(Struct, frozen=True, gc=False):
    """One file name in the flat directory.

    Attributes:
        filename: the name.
        size_bytes: size on disk; None if the file is missing.
        mtime_ns: modification time on disk, nanoseconds.
        recorded: the state records the file as downloaded.
        digests: known digests of the content on disk.
        project: its project in the state, "" if it is not recorded.
    """

    filename: str
    size_bytes: int | None
    mtime_ns: int = 0
    recorded: bool = False
    digests: Digests = Digests()
    project: str = ""


PutStatus = Literal["", "uploaded", "present", "conflict", "refused", "denied", "failed"]


class Outcome(Struct, frozen=True, gc=False):
    """Outcome of one file task.

    Attributes:
        filename: the file.
        ok: the file is in place, verified and durable.
        size_bytes: its size.
        mtime_ns: modification time on disk.
        digests: computed from the content.
        fetched_bytes: bytes received from the network, in all attempts.
        resumed: part of it existed from an earlier attempt.
        reused_bytes: bytes that came from a local template instead.
        status: status at an index, see `repositories.protocol.PutResult`; ``present`` also for a
            file that was already in place.
        error: why it failed, "" on success.
        note: why it came from the source instead of the file host.
    """

    filename: str
    ok: bool
    size_bytes: int = 0
    mtime_ns: int = 0
    digests: Digests = Digests()
    fetched_bytes: int = 0
    resumed: bool = False
    error: str = ""
    note: str = ""
    reused_bytes: int = 0
    status: PutStatus = ""
