"""Messages to and from workers: tasks and outcomes."""

from __future__ import annotations

from msgspec import Struct

from microrepo.model import Digests, Evidence, File, Vulnerability
from microrepo.stores.placement import Sharing


class FetchProject(Struct, frozen=True, gc=False):
    """Task: read a project's record.

    Attributes:
        etag: ETag of the stored record; valid at the first of `sources`.
        sources: numbers of the sources to try in order, until one has the project.
        known_serial: serial of the stored record, valid at the first of `sources`.
        is_merged: the project is merged from all of `sources`; `etag` is about all of them.
        elsewhere: another source may have the project, and why it cannot be asked; "" if none may.
    """

    name: str
    etag: str | None = None
    min_serial: int | None = None
    sources: tuple[int, ...] = (0,)
    known_serial: int | None = None
    is_merged: bool = False
    elsewhere: str = ""


class ProjectOutcome(Struct, frozen=True, gc=False):
    """Outcome: a project's record.

    Attributes:
        status: ``changed``, ``unchanged`` (the stored record still holds), ``missing`` or
            ``failed``.
        document: the packed record when changed.
        error: why it failed.
        source: name of the source that answered.
        unreachable: no source that can have it responded.
        page_time: time of the response, from the source.
        lacks_status: the project's status could not be read; it should be requested again.
    """

    name: str
    status: str
    document: bytes | None = None
    etag: str | None = None
    error: str = ""
    source: str = ""
    unreachable: bool = False
    page_time: str | None = None
    lacks_status: bool = False


class FetchAdvisories(Struct, frozen=True, gc=False):
    """Task: read the advisories for one release.

    Attributes:
        sources: as in `FetchProject`.
    """

    name: str
    version: str
    sources: tuple[int, ...] = (0,)


class AdvisoriesOutcome(Struct, frozen=True, gc=False):
    """Outcome: the advisories for one release.

    Attributes:
        error: why there are none.
        transient: another attempt may succeed.
    """

    vulnerabilities: tuple[Vulnerability, ...] = ()
    error: str = ""
    transient: bool = False


class FetchProvenance(Struct, frozen=True, gc=False):
    """Task: read the provenance object of a file.

    Attributes:
        url: of the object.
        sha256: digest of the file, which its attestations must name; None if it is unknown.
        stage: keep the object for the file, which may follow.
        keep: put the object beside the file, which is in the repository.
    """

    filename: str
    url: str
    sha256: str | None = None
    stage: bool = False
    keep: bool = False


class ProvenanceOutcome(Struct, frozen=True, gc=False):
    """Outcome: what a provenance object contains.

    Attributes:
        error: why it could not be read.
    """

    filename: str
    evidence: Evidence | None = None
    error: str = ""
    fetched_bytes: int = 0


class FetchFile(Struct, frozen=True, gc=False):
    """Task: download one file into the repository, verified.

    Attributes:
        digests: as listed; the strongest decides.
        size: listed bytes, None if unknown.
        upload_ns: upload time, becomes the modification time; None leaves the time of arrival.
        template: path of an older wheel that shares content with this one.
    """

    filename: str
    url: str
    digests: Digests
    size: int | None = None
    upload_ns: int | None = None
    metadata_sha256: str | None = None
    template: str | None = None


class HashFile(Struct, frozen=True, gc=False):
    """Task: compute digests of a file in the repository.

    Attributes:
        algorithms: names as in `Digests`.
    """

    filename: str
    algorithms: tuple[str, ...] = ("sha256",)


class FetchMetadata(Struct, frozen=True, gc=False):
    """Task: read a distribution's metadata, with as few bytes as possible.

    Attributes:
        url, digests, size: of the distribution itself.
        has_metadata: the source has a metadata file (PEP 658).
        metadata_sha256: digest of that file, if listed.
        here: the distribution is in the repository, verified.
    """

    filename: str
    url: str
    digests: Digests
    size: int | None = None
    has_metadata: bool = False
    metadata_sha256: str | None = None
    here: bool = False


def metadata_of(file: File, *, here: bool = False) -> FetchMetadata:
    """Return the task that reads the metadata of an index's file.

    Args:
        file: as the index lists it.
        here: it is in the repository, verified.
    """
    return FetchMetadata(
        file.filename,
        file.url,
        file.digests,
        file.size,
        file.core_metadata,
        file.core_metadata_sha256,
        here,
    )


class MetadataOutcome(Struct, frozen=True, gc=False):
    """Outcome: a packed `CoreMetadata`, or why it is missing.

    Attributes:
        transient: another attempt may succeed.
    """

    filename: str
    metadata: bytes | None = None
    error: str = ""
    transient: bool = False
    fetched_bytes: int = 0


class ListHeld(Struct, frozen=True, gc=False):
    """Task: list the destination's files of a project."""

    project: str


class HeldOutcome(Struct, frozen=True, gc=False):
    """Outcome: the files, or `error`.

    Attributes:
        denied: the response that refused the credentials.
    """

    project: str
    files: tuple[File, ...] = ()
    error: str = ""
    denied: str = ""


class HashUrl(Struct, frozen=True, gc=False):
    """Task: compute the digests of a URL's content, if none are listed.

    Attributes:
        held: the file is the destination's, and read with its credentials.
    """

    filename: str
    url: str
    held: bool = False


class SendFile(Struct, frozen=True, gc=False):
    """Task: download and verify a file, and upload it to the destination.

    Attributes:
        url, digests, size: as the source lists them; a ``file:`` URL is read in place.
    """

    filename: str
    url: str
    digests: Digests
    size: int | None = None


class PlaceFile(Struct, frozen=True, gc=False):
    """Task: link or copy a local file into the repository.

    Attributes:
        path: its path.
        digests: known digests; a copy is compared with the strongest.
        sharing: how it may be put in place.
    """

    filename: str
    path: str
    digests: Digests = Digests()
    sharing: Sharing = Sharing()


class RedirectWheel(Struct, frozen=True, gc=False):
    """Task: rewrite a wheel with direct-URL requirements for an index, if it has any.

    Attributes:
        of: the wheel, and the task that reads its metadata.
    """

    of: FetchMetadata

    @property
    def filename(self) -> str:
        """The wheel's name."""
        return self.of.filename


class RedirectOutcome(Struct, frozen=True, gc=False):
    """Outcome: the rewritten copy.

    Attributes:
        path: its path; "" if nothing was redirected.
        requirements: (before, after) of each redirected requirement.
        error: why it failed.
    """

    filename: str
    path: str = ""
    size_bytes: int = 0
    digests: Digests = Digests()
    requirements: tuple[tuple[str, str], ...] = ()
    error: str = ""


# What brings a file to a destination.
FileTask = FetchFile | SendFile | PlaceFile | RedirectWheel
Task = (
    FetchProject
    | FetchAdvisories
    | FetchProvenance
    | HashFile
    | FetchMetadata
    | ListHeld
    | HashUrl
    | FileTask
)
