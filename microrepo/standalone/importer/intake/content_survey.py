"""Survey of a repository: which content of a manifest is in place, or protected by a snapshot."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.standalone.importer.intake.staging import file_sha256
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.standalone.server.names import PROVENANCE_SUFFIX

SIDECAR_SUFFIX = ".metadata"

if TYPE_CHECKING:
    # Returns the digest of a file with this status from a record, "" if no record is about it. It
    # is called with files in the order of manifests.
    RecordedDigest = Callable[[ManifestFile, os.stat_result], str]


class Needed(NamedTuple):
    """Content that must come from the bundle: digests of files with their sizes, and of sidecars.

    A metadata file that no bundle carries is made from its wheel; provenance objects are left out.
    """

    files: dict[str, int]
    sidecars: set[str]

    def wants(self, sha256: str) -> bool:
        """Return whether content is needed."""
        return sha256 in self.files or sha256 in self.sidecars


class ContentSurvey:
    """Looks for content in a repository.

    A file counts if a record has its size and time, and else if its bytes have the digest.

    Args:
        repository: its path.
        records: returns a lookup for one pass over a manifest.
    """

    def __init__(self, repository: str, records: Callable[[], RecordedDigest]) -> None:
        self.repository = repository
        self._records = records
        self._read: dict[str, tuple[int, int, str]] = {}

    def needed(self, entries: Iterable[ManifestProject | ManifestFile]) -> Needed:
        """Return the content of a manifest that the repository does not have."""
        needed = Needed({}, set())
        is_in_place = self.in_place()
        for entry in entries:
            if not isinstance(entry, ManifestFile):
                continue
            has_file = is_in_place(entry)
            if not has_file and not self.protected(entry.sha256, entry.size_bytes):
                needed.files[entry.sha256] = entry.size_bytes
            if entry.metadata_sha256 and not (has_file and self.has_sidecar(entry)):
                needed.sidecars.add(entry.metadata_sha256)
            if entry.provenance_sha256 and not (has_file and self.has_provenance(entry)):
                needed.sidecars.add(entry.provenance_sha256)
        return needed

    def in_place(self) -> Callable[[ManifestFile], bool]:
        """Return a function that returns whether a file is in place with its content."""
        recorded = self._records()

        def has(entry: ManifestFile) -> bool:
            status = file_status(self.path(entry.filename))
            if status is None or status.st_size != entry.size_bytes:
                return False
            return (recorded(entry, status) or self._digest(entry.filename, status)) == entry.sha256

        return has

    def has_sidecar(self, entry: ManifestFile) -> bool:
        """Return whether the sidecar of a wheel is in place with its content."""
        return self.sidecar_digest(entry.filename) == entry.metadata_sha256

    def has_provenance(self, entry: ManifestFile) -> bool:
        """Return whether the provenance object of a file is in place with its content."""
        found = self._digest_beside(entry.filename, PROVENANCE_SUFFIX)
        return found == entry.provenance_sha256

    def is_attested(self, filename: str) -> bool:
        """Return whether a provenance object for a file is in place."""
        return self._beside(filename, PROVENANCE_SUFFIX) is not None

    def sidecar_digest(self, filename: str) -> str:
        """Return the digest of a wheel's sidecar, "" without one."""
        return self._digest_beside(filename, SIDECAR_SUFFIX)

    def _beside(self, filename: str, suffix: str) -> os.stat_result | None:
        """Return the status of what is beside a file; one of another time is for another file."""
        path = self.path(filename)
        status, other = file_status(path), file_status(path + suffix)
        if status is None or other is None or status.st_mtime_ns != other.st_mtime_ns:
            return None
        return other

    def _digest_beside(self, filename: str, suffix: str) -> str:
        found = self._beside(filename, suffix)
        return "" if found is None else self._digest(filename + suffix, found)

    def existing_folder(self) -> str:
        """Return the repository, or the nearest folder above it that exists."""
        folder = os.path.abspath(self.repository)
        while not os.path.isdir(folder) and folder != os.path.dirname(folder):
            folder = os.path.dirname(folder)
        return folder

    def path(self, filename: str) -> str:
        """Return the path of a file in the flat directory."""
        return os.path.join(self.repository, filename)

    def object_path(self, sha256: str) -> str:
        """Return where the snapshots of the repository protect content."""
        return os.path.join(self.repository, CONTROL_FOLDER, "objects", sha256[:2], sha256)

    def protected(self, sha256: str, size_bytes: int) -> bool:
        """Return whether a snapshot protects content, undamaged."""
        path = self.object_path(sha256)
        status = file_status(path)
        return status is not None and status.st_size == size_bytes and file_sha256(path) == sha256

    def _digest(self, name: str, status: os.stat_result) -> str:
        """Return the digest of a file, read once in a run."""
        size, mtime_ns, digest = self._read.get(name, (-1, 0, ""))
        if (size, mtime_ns) != (status.st_size, status.st_mtime_ns):
            digest = file_sha256(self.path(name))
            self._read[name] = (status.st_size, status.st_mtime_ns, digest)
        return digest


def file_status(path: str) -> os.stat_result | None:
    """Return the status of a regular file, None for anything else."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None
