"""Settings of workers, sent to them once."""

from __future__ import annotations

from msgspec import Struct

from microrepo.client import ClientSettings
from microrepo.repositories.protocol import DestinationSettings, SourceSettings
from microrepo.transfer.file_scan import FileScanner


class WorkerSettings(Struct, frozen=True):
    """All settings of a worker.

    Attributes:
        repository: path of the flat directory.
        partial: path of the directory for partial downloads, on the same file system.
        threads: tasks that a worker runs at the same time.
        first_threads: the same until a server keeps a connection open after its answer.
        downloads: those of them that download files.
        uploads: those of them that talk to the destination.
        umask: umask of the parent, for the mode of new files.
        durable: fsync files before they are renamed into place.
        sidecars: put core metadata beside each wheel.
        further: the sources after the first.
        file_host: URL of another host that has the same files; "" for none.
        file_host_fallback: download from the source if that host fails.
        destination: the index for uploads, or None.
        store: directory of content by digest, shared by repositories; "" for none.
        scanner: sees each file before it gets its name.
        answers: directory of answers that repositories share in this run; "" for none.
    """

    repository: str
    client: ClientSettings
    source: SourceSettings
    partial: str
    threads: int = 5
    first_threads: int = 5
    downloads: int = 5
    uploads: int = 3
    attempts: int = 5
    umask: int = 0o022
    durable: bool = True
    sidecars: bool = False
    further: tuple[SourceSettings, ...] = ()
    file_host: str = ""
    file_host_fallback: bool = True
    destination: DestinationSettings | None = None
    store: str = ""
    answers: str = ""
    scanner: FileScanner | None = None
