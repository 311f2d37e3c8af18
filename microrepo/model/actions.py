"""Actions of a plan, what they meet on disk, and what became of them."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from msgspec import Struct

from microrepo.model.causes import Cause
from microrepo.model.digests import Digests
from microrepo.model.project_records import File


class ActionKind(str, Enum):
    """What a plan does with one file name; `INDEX` lists a file whose content stays elsewhere."""

    DOWNLOAD = "download"
    INDEX = "index"
    ADOPT = "adopt"
    KEEP = "keep"
    DELETE = "delete"
    CONFLICT = "conflict"


class Action(Struct, frozen=True, gc=False, rename={"cause": "reason"}):
    """One line of a plan.

    Attributes:
        kind: what to do.
        filename: name in the flat directory.
        project: project that wants (or wanted) the file; "" for a file nobody claims.
        cause: why; `reason` in JSON.
        file: the source's record; None for deletions.
        detail: what the cause is about: the rule's words, another project, a person's reason.
        size_bytes: bytes that will move or be freed, 0 when unknown.
        replaced: for deletions: another file of the same project is wanted in its stead.
        claimants: other projects that list a file of this name, with other content.
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
    """What is known of one file name in the flat directory.

    Attributes:
        filename: the name.
        size_bytes: size on disk now; None when the file is not there.
        mtime_ns: modification time on disk now, nanoseconds.
        recorded: the state lists the file as ours.
        digests: of the content on disk as it is now, where known.
        project: who claims it according to the state, "" when not recorded.
    """

    filename: str
    size_bytes: int | None
    mtime_ns: int = 0
    recorded: bool = False
    digests: Digests = Digests()
    project: str = ""


PutStatus = Literal["", "uploaded", "present", "conflict", "refused", "denied", "failed"]


class Outcome(Struct, frozen=True, gc=False):
    """What became of one file task.

    Attributes:
        filename: the file.
        ok: it is in place, verified and durable.
        size_bytes: its size.
        mtime_ns: modification time on disk.
        digests: computed from the content.
        fetched_bytes: bytes that came over the network, over all attempts.
        resumed: part of it was there from an earlier attempt.
        reused_bytes: came from a template on this machine instead.
        status: what an index said of it, see `repositories.protocol.PutResult`; ``present`` also
            for a file that was in its place already.
        error: why it failed, "" when it did not.
        note: why it came from the source and not from the host that was asked before.
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
