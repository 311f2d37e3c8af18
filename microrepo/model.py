"""The records that travel between the stages, in the nouns of the packaging standards.

All are frozen `msgspec` structs: they pickle, compare by value, and encode to JSON without a line
of code of ours, which is also how a project's record is kept in the state.
"""

from __future__ import annotations

from enum import Enum
from typing import Literal

from msgspec import Struct
from packaging.utils import NormalizedName

__all__ = [
    "Action",
    "ActionKind",
    "Cause",
    "Decision",
    "Digests",
    "File",
    "Info",
    "LocalFile",
    "NormalizedName",
    "Outcome",
    "Project",
    "PutStatus",
    "Vulnerability",
]


class Digests(Struct, frozen=True, omit_defaults=True, gc=False):
    """Digests of one file's content, lower-case hex; absent ones are None.

    All algorithms of fixed length that `hashlib` guarantees, since an index may announce any. Where
    nothing is announced, `COMPUTED` ones are what gets computed.
    """

    sha256: str | None = None
    blake2b_256: str | None = None
    md5: str | None = None
    sha512: str | None = None
    sha384: str | None = None
    sha3_512: str | None = None
    sha3_384: str | None = None
    sha3_256: str | None = None
    blake2b: str | None = None
    blake2s: str | None = None
    sha3_224: str | None = None
    sha224: str | None = None
    sha1: str | None = None

    def strongest(self) -> tuple[str, str] | None:
        """Return (algorithm, hex) of the strongest digest known, or None when there is none."""
        for algorithm in BY_STRENGTH:
            value = getattr(self, algorithm)
            if value:
                return algorithm, value
        return None

    def completed_by(self, other: Digests) -> Digests:
        """Return these digests, with those of `other` where one is absent."""
        return Digests(
            *(getattr(self, name) or getattr(other, name) for name in Digests.__struct_fields__)
        )


COMPUTED = ("sha256", "blake2b_256", "md5")
# sha256 leads because states and pages know it.
BY_STRENGTH = (
    "sha256",
    "blake2b_256",
    *(name for name in Digests.__struct_fields__ if name not in {*COMPUTED, "sha1"}),
    "sha1",
    "md5",
)


class File(Struct, frozen=True, omit_defaults=True, gc=False):
    """One distribution file as an index describes it (PEP 691, PyPI JSON API).

    Attributes:
        filename: as announced; checked by `formats.distribution.filenames.unsafe_filename` before any use.
        url: absolute; where the content is.
        version: release it belongs to, as the index writes it.
        package_type: ``bdist_wheel``, ``sdist``, ``bdist_egg``, ... as PyPI names them.
        size: bytes, None when the index does not say.
        requires_python: specifier as announced, possibly malformed; None means any.
        upload_time: UTC, ``YYYY-MM-DDTHH:MM:SS.ffffffZ``, so that text order is time order.
        python_version: the uploader's label (``py3``, ``cp311``, ``source``, ``2.7``), a hint only.
        core_metadata: whether ``<url>.metadata`` exists (PEP 658).
        core_metadata_sha256: digest of that metadata, hex.
        provenance: absolute URL of the attestations (PEP 740).
    """

    filename: str
    url: str
    version: str
    package_type: str
    digests: Digests = Digests()
    size: int | None = None
    requires_python: str | None = None
    upload_time: str | None = None
    python_version: str | None = None
    yanked: bool = False
    yanked_reason: str | None = None
    core_metadata: bool = False
    core_metadata_sha256: str | None = None
    provenance: str | None = None


class Vulnerability(Struct, frozen=True, omit_defaults=True, gc=False):
    """One advisory that PyPI attaches to a release; withdrawn ones are not kept."""

    id: str
    aliases: tuple[str, ...] = ()
    summary: str | None = None
    fixed_in: tuple[str, ...] = ()
    link: str | None = None


class Info(Struct, frozen=True, omit_defaults=True, gc=False):
    """What the index says of a project's newest release: for rules, reports and people's pages."""

    version: str | None = None
    summary: str | None = None
    author: str | None = None
    author_email: str | None = None
    maintainer: str | None = None
    maintainer_email: str | None = None
    license: str | None = None
    license_expression: str | None = None
    classifiers: tuple[str, ...] = ()
    keywords: str | None = None
    home_page: str | None = None
    project_urls: dict[str, str] | None = None
    requires_python: str | None = None
    platform: str | None = None
    docs_url: str | None = None
    download_url: str | None = None
    description_content_type: str | None = None
    dynamic: tuple[str, ...] = ()
    license_files: tuple[str, ...] = ()
    provides_extra: tuple[str, ...] = ()


# Raised when records keep more of what a source says; and which fields of `Info` came when.
FACTS = 1
FACTS_SINCE = dict.fromkeys(Info.__struct_fields__[-7:], 1)


class Project(Struct, frozen=True, omit_defaults=True, gc=False):
    """All that an index says of one project, normalised.

    Attributes:
        name: normalised (PEP 503); the key everywhere.
        display_name: as its owner writes it.
        serial: the index's change number for the project, None when it gives none.
        status: PEP 792 status: ``active``, ``archived``, ``quarantined``, ``deprecated``.
        versions: every release the index lists, with or without files.
        rejected: entries of the answer that could not be read, one line of explanation each.
        vulnerabilities: advisories on the release that `info` describes.
        advisories: those on other releases that were asked about, by version.
        advised_at: when the first of them was asked about.
        silent_on_python: the source does not announce what Pythons its files require.
        facts: what the record can hold, see `FACTS`; kept by whoever stores it.
    """

    name: NormalizedName
    display_name: str
    serial: int | None = None
    status: str = "active"
    status_reason: str | None = None
    files: tuple[File, ...] = ()
    versions: tuple[str, ...] = ()
    info: Info = Info()
    vulnerabilities: tuple[Vulnerability, ...] = ()
    rejected: tuple[str, ...] = ()
    facts: int = 0
    advisories: dict[str, tuple[Vulnerability, ...]] = {}
    advised_at: str | None = None
    silent_on_python: bool = False


class Cause(str, Enum):
    """Why a file is kept, left out, fetched or deleted: one closed set for decisions and actions.

    The values stand in the state and in JSON; `cause_texts` has the words for people.
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
    NOT_REQUESTED = "version not requested"
    INVALID_VERSION = "invalid version"
    PACKAGE_TYPE = "package type"
    EXTENSION = "extension"
    FILE_PATTERN = "file pattern"
    PYTHON = "python version"
    REQUIRES_PYTHON = "requires-python"
    PLATFORM = "platform"
    PRERELEASE = "pre-release"
    YANKED = "yanked"
    THIRD_PARTY = "third-party rule"
    TOO_LARGE = "too large"
    TOO_LATE = "uploaded too late"
    TOO_YOUNG = "too young"
    SUPERSEDED = "superseded"
    EVICTED = "evicted"
    NOT_IN_CLOSURE = "not needed by any goal"
    # Actions: what comes.
    ALREADY_THERE = "already there"
    ADOPTED = "adopted"
    REDIRECTED = "redirected"
    DAMAGED = "damaged"
    DAMAGED_OR_REPLACED = "damaged or replaced upstream"
    OVERWRITES = "replaces other content"
    # Actions: what cannot come, for another file has the name.
    OTHER_CONTENT = "other content"
    OTHER_PROJECT = "other project"
    CASE_CLASH = "differs only in case"
    # Actions: what goes.
    REMOVED = "removed upstream"
    EMPTIED = "emptied upstream"
    QUARANTINED = "quarantined upstream"
    UNREQUESTED = "no longer requested"
    LEFT_OUT = "left out by `exclude` or `allow`"
    UNLISTED = "no longer listed by the source"
    UNWANTED = "no longer wanted"
    BY_COMMAND = "deleted by command"


class Decision(Struct, frozen=True, gc=False, rename={"cause": "reason"}):
    """What selection says of one file.

    Attributes:
        file: the file.
        keep: whether the repository shall hold it.
        cause: the rule that decided; `reason` in JSON.
        detail: the rule's own words, for `explain`.
    """

    file: File
    keep: bool
    cause: Cause
    detail: str = ""


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
