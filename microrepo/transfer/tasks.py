"""Messages to and from workers: frozen tasks, frozen outcomes."""

from __future__ import annotations

from msgspec import Struct

from microrepo.client import ClientSettings
from microrepo.model import Digests, File, Vulnerability
from microrepo.repositories.protocol import DestinationSettings, SourceSettings
from microrepo.stores.placement import Sharing


class WorkerSettings(Struct, frozen=True):
    """All that a worker needs to know; nothing reaches it any other way.

    Attributes:
        repository: path of the flat directory.
        partial: path of the directory for downloads in flight, on the same file system.
        threads: tasks that a worker runs at the same time.
        umask: of the parent, for the mode of new files.
        durable: fsync files before they are renamed into place.
        sidecars: put core metadata beside each wheel.
        further: the sources after the first.
        file_host: URL of another host that has the same files; "" for none.
        file_host_fallback: ask the source for what that host does not have.
        destination: the index that files are sent to, when there is one.
    """

    repository: str
    client: ClientSettings
    source: SourceSettings
    partial: str
    threads: int = 5
    attempts: int = 5
    umask: int = 0o022
    durable: bool = True
    sidecars: bool = False
    further: tuple[SourceSettings, ...] = ()
    file_host: str = ""
    file_host_fallback: bool = True
    destination: DestinationSettings | None = None


class FetchProject(Struct, frozen=True, gc=False):
    """Ask for a project's record.

    Attributes:
        etag: of the record that is known; it holds at the first of `sources`.
        sources: numbers of the sources to ask, one after the other, until one has the project.
        known_serial: of the record that is known, likewise at the first of `sources`.
    """

    name: str
    etag: str | None = None
    min_serial: int | None = None
    sources: tuple[int, ...] = (0,)
    known_serial: int | None = None


class ProjectOutcome(Struct, frozen=True, gc=False):
    """What the source said of a project.

    Attributes:
        status: ``changed``, ``unchanged`` (the stored record still holds), ``missing`` or
            ``failed``.
        document: the packed record when changed.
        error: why it failed.
        source: name of the source that answered.
        unreachable: no source that could have it answered.
        page_time: when the answer was made, as the source says.
    """

    name: str
    status: str
    document: bytes | None = None
    etag: str | None = None
    error: str = ""
    source: str = ""
    unreachable: bool = False
    page_time: str | None = None


class FetchAdvisories(Struct, frozen=True, gc=False):
    """Ask for the advisories on one release.

    Attributes:
        sources: as in `FetchProject`.
    """

    name: str
    version: str
    sources: tuple[int, ...] = (0,)


class AdvisoriesOutcome(Struct, frozen=True, gc=False):
    """What the source said of one release.

    Attributes:
        error: why it said nothing.
        transient: it may say more when it is asked again.
    """

    vulnerabilities: tuple[Vulnerability, ...] = ()
    error: str = ""
    transient: bool = False


class FetchFile(Struct, frozen=True, gc=False):
    """Fetch one file into the repository, verified.

    Attributes:
        digests: as announced; the strongest decides.
        size: bytes announced, None when unknown.
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
    """Compute digests of a file in the repository.

    Attributes:
        algorithms: names as in `Digests`.
    """

    filename: str
    algorithms: tuple[str, ...] = ("sha256",)


class FetchMetadata(Struct, frozen=True, gc=False):
    """Find out what a distribution says of itself, with as few bytes as possible.

    Attributes:
        url, digests, size: of the distribution itself.
        has_metadata: the source offers it as a file of its own (PEP 658).
        metadata_sha256: that file's digest, where announced.
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
    """Return the task that finds out what a file of an index says of itself.

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
    """What was found: a packed `CoreMetadata`, or why there is none.

    Attributes:
        transient: another attempt may do better.
    """

    filename: str
    metadata: bytes | None = None
    error: str = ""
    transient: bool = False
    fetched_bytes: int = 0


class ListHeld(Struct, frozen=True, gc=False):
    """Ask the destination what it has of a project."""

    project: str


class HeldOutcome(Struct, frozen=True, gc=False):
    """What it has; `error` says why that is not known.

    Attributes:
        denied: the answer, where credentials were refused.
    """

    project: str
    files: tuple[File, ...] = ()
    error: str = ""
    denied: str = ""


class HashUrl(Struct, frozen=True, gc=False):
    """Compute the digests of the content of a URL, where none are announced.

    Attributes:
        held: it is the destination's, and read with its credentials.
    """

    filename: str
    url: str
    held: bool = False


class SendFile(Struct, frozen=True, gc=False):
    """Fetch a file aside, verified, and give it to the destination.

    Attributes:
        url, digests, size: as the source announces them; a ``file:`` URL is read in place.
    """

    filename: str
    url: str
    digests: Digests
    size: int | None = None


class PlaceFile(Struct, frozen=True, gc=False):
    """Link or copy a file of this machine into the repository.

    Attributes:
        path: where it lies.
        digests: a copy must have the strongest of them.
        sharing: how it may come there.
    """

    filename: str
    path: str
    digests: Digests = Digests()
    sharing: Sharing = Sharing()


class RedirectWheel(Struct, frozen=True, gc=False):
    """Make a copy of a wheel whose direct-URL requirements lead to an index, if it has any.

    Attributes:
        of: the wheel, and how to find out what it requires.
    """

    of: FetchMetadata

    @property
    def filename(self) -> str:
        """The wheel's name."""
        return self.of.filename


class RedirectOutcome(Struct, frozen=True, gc=False):
    """The copy, waiting aside.

    Attributes:
        path: where it lies; "" when there was nothing to redirect.
        requirements: (was, is now) of each requirement that was redirected.
        error: why it could not be made.
    """

    filename: str
    path: str = ""
    size_bytes: int = 0
    digests: Digests = Digests()
    requirements: tuple[tuple[str, str], ...] = ()
    error: str = ""


Task = (
    FetchProject
    | FetchAdvisories
    | FetchFile
    | HashFile
    | FetchMetadata
    | ListHeld
    | HashUrl
    | SendFile
    | PlaceFile
    | RedirectWheel
)
