"""List of snapshots, and the description of one."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.exit_codes import ExitCode
from microrepo.operations.records.report import Failure
from microrepo.operations.snapshot.snapshot_files import Snapshot, SnapshotFiles
from microrepo.standalone.importer.manifest_entries import ManifestFile
from microrepo.state import explained_errors, read_state
from microrepo.state.pinned_snapshot import pinned_snapshot
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.hashing import hash_file
from microrepo.stores.objects.protected_contents import ProtectedContents, StoredBytes


class SnapshotList(Struct, frozen=True):
    """The snapshots of a repository, the oldest first.

    Attributes:
        pinned: name of the one that refreshes are held at; "" without one.
        stored: what they protect; `own_bytes` of it is no longer in the directory.
    """

    snapshots: tuple[Snapshot, ...]
    pinned: str
    stored: StoredBytes


class SnapshotDescription(Struct, frozen=True):
    """One snapshot, checked.

    Attributes:
        pinned: refreshes are held at it.
        failed: files whose protected content is missing or damaged.
        own_bytes: bytes that would be gone without the snapshots.
    """

    snapshot: Snapshot
    pinned: bool
    failed: tuple[Failure, ...]
    own_bytes: int

    @property
    def exit_code(self) -> int:
        """0 if it can be restored from its contents, 3 if something is missing."""
        return ExitCode.INCOMPLETE if self.failed else ExitCode.DONE


def list_snapshots(config: Config) -> SnapshotList:
    """Return the snapshots of the repository.

    Raises:
        RepositoryError: the directory does not exist or cannot be read.
    """
    directory = _existing(config)
    files = SnapshotFiles(directory.path)
    stored = ProtectedContents.of(directory.path).measure()
    return SnapshotList(tuple(files.all()), _pinned(directory), stored)


def describe_snapshot(config: Config, name: str, *, deep: bool = False) -> SnapshotDescription:
    """Return a snapshot, and which of its contents cannot be restored.

    Args:
        deep: read all contents; otherwise only their sizes are compared.

    Raises:
        ConfigError: the snapshot does not exist.
        RepositoryError: its manifest is damaged.
    """
    directory = _existing(config)
    files, store = SnapshotFiles(directory.path), ProtectedContents.of(directory.path)
    snapshot = files.find(name)
    failed: list[Failure] = []
    own: dict[str, int] = {}
    for entry in files.entries(snapshot.name):
        if not isinstance(entry, ManifestFile):
            continue
        path = store.place(entry.sha256)
        try:
            status = path.stat()
            problem = "" if status.st_size == entry.size_bytes else "has another size"
            if deep and not problem and hash_file(path, ("sha256",)).sha256 != entry.sha256:
                problem = "has another SHA-256"
            if status.st_nlink == 1:
                own[entry.sha256] = status.st_size
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
        if problem:
            failed.append(Failure(entry.filename, f"its protected content {problem}"))
    is_pinned = _pinned(directory) == snapshot.name
    return SnapshotDescription(snapshot, is_pinned, tuple(failed), sum(own.values()))


def _existing(config: Config) -> FlatDirectory:
    directory = FlatDirectory(Path(config.repository))
    if not directory.exists():
        raise RepositoryError(directory.path, "directory not found; name a repository")
    return directory


def _pinned(directory: FlatDirectory) -> str:
    if not directory.state_file.is_file():
        return ""
    state = read_state(directory.state_file)
    try:
        with explained_errors(directory.state_file):
            return pinned_snapshot(state)
    finally:
        state.close()
