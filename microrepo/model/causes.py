"""Causes of decisions and actions, and the decision on one file."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from microrepo.model.project_records import File


class Cause(str, Enum):
    """Why a file is kept, skipped, downloaded or deleted; for decisions and actions.

    The state and JSON contain the values; `cause_texts` has the texts.
    """

    # Decisions.
    SELECTED = "selected"
    REQUIRED = "required"
    UNSAFE_NAME = "unsafe file name"
    NO_DIGEST = "no digest announced"
    EXCLUDED = "excluded"
    NOT_ALLOWED = "not allowed"
    METADATA = "metadata"
    PROJECT_SIZE = "project size"
    VERSION_COUNT = "number of versions"
    RELEASE_PATTERN = "release pattern"
    VULNERABLE = "vulnerable"
    WEAKER_PROVENANCE = "weaker provenance"
    OTHER_PUBLISHER = "other publisher"
    UNREAD_PROVENANCE = "provenance not readable"
    FORGED = "forged attestation"
    MALWARE = "malware"
    CONFUSABLE_NAME = "confusable name"
    NOT_REQUESTED = "version not requested"
    INVALID_VERSION = "invalid version"
    PACKAGE_TYPE = "package type"
    EXTENSION = "extension"
    FILE_PATTERN = "file pattern"
    PYTHON = "python version"
    REQUIRES_PYTHON = "requires-python"
    PLATFORM = "platform"
    VARIANT = "variant"
    PRERELEASE = "pre-release"
    YANKED = "yanked"
    THIRD_PARTY = "third-party rule"
    TOO_LARGE = "too large"
    TOO_LATE = "uploaded too late"
    TOO_YOUNG = "too young"
    SUPERSEDED = "superseded"
    EVICTED = "evicted"
    NOT_IN_CLOSURE = "not needed by any goal"
    # Actions: added files.
    ALREADY_THERE = "already there"
    ADOPTED = "adopted"
    REDIRECTED = "redirected"
    RESTORED = "restored from a snapshot"
    IMPORTED = "imported"
    DAMAGED = "damaged"
    DAMAGED_OR_REPLACED = "damaged or replaced upstream"
    UPDATED = "updated upstream"
    OVERWRITES = "replaces other content"
    # Actions: files that cannot be added, because another file has the name.
    OTHER_CONTENT = "other content"
    OTHER_PROJECT = "other project"
    CASE_CLASH = "differs only in case"
    # Actions: deleted files.
    REMOVED = "removed upstream"
    EMPTIED = "emptied upstream"
    QUARANTINED = "quarantined upstream"
    UNREQUESTED = "no longer requested"
    LEFT_OUT = "left out by `exclude` or `allow`"
    UNLISTED = "no longer listed by the source"
    UNWANTED = "no longer wanted"
    NOT_IN_SNAPSHOT = "not in the snapshot"
    NOT_IN_BUNDLE = "no longer in the bundle"
    BY_COMMAND = "deleted by command"


class Decision(Struct, frozen=True, gc=False, rename={"cause": "reason"}):
    """Decision of the selection on one file.

    Attributes:
        file: the file.
        keep: whether the repository keeps it.
        cause: the rule that decided; `reason` in JSON.
        detail: text of the rule, for `explain`.
    """

    file: File
    keep: bool
    cause: Cause
    detail: str = ""
