"""Comparison of two snapshots, or of one with what the repository has now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.operations.run.session import open_session
from microrepo.operations.snapshot.snapshot_files import CURRENT, SnapshotFiles
from microrepo.operations.switch.current_manifest import CurrentManifest
from microrepo.operations.switch.sound_files import SoundFiles
from microrepo.operations.switch.switch_plan import Entry
from microrepo.reporting import SilentReporter
from microrepo.standalone.importer.manifest import ManifestChange, compare_manifests
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject


class FileDifference(Struct, frozen=True):
    """A file that differs.

    Attributes:
        change: ``added``, ``removed``, ``replaced`` (another content) or ``facts``.
        sha256, size_bytes: of the new content; of the old one for a removed file.
        facts: names of the facts that differ, such as ``yanked``.
    """

    change: str
    project: str
    filename: str
    version: str
    size_bytes: int
    sha256: str
    facts: tuple[str, ...] = ()


class SnapshotDifference(Struct, frozen=True):
    """What leads from one snapshot to another.

    Attributes:
        old, new: names; `current` for what the repository has now.
        added_bytes, removed_bytes: of the files that are added, removed or replaced.
        releases_added, releases_removed: as ``project==version``.
        projects_added, projects_removed, projects_changed: normalized names; changed are those
            whose own facts differ, such as their status.
        files: the files that differ, by project and name.
    """

    old: str
    new: str
    added: int
    removed: int
    replaced: int
    facts: int
    added_bytes: int
    removed_bytes: int
    releases_added: tuple[str, ...]
    releases_removed: tuple[str, ...]
    projects_added: tuple[str, ...]
    projects_removed: tuple[str, ...]
    projects_changed: tuple[str, ...]
    files: tuple[FileDifference, ...]


def compare_snapshots(config: Config, old: str, new: str = CURRENT) -> SnapshotDifference:
    """Compare two snapshots.

    Args:
        old, new: names, ids, `latest`, or `current`.

    Raises:
        ConfigError: a snapshot is unknown.
        RepositoryError: a manifest is damaged.
    """
    with _entries(config, old) as (old_name, before), _entries(config, new) as (new_name, after):
        return _difference(old_name, new_name, before, after)


@contextmanager
def _entries(config: Config, text: str) -> Iterator[tuple[str, Iterable[Entry]]]:
    """Yield the name and the entries of a snapshot, or of the present."""
    if text != CURRENT:
        files = SnapshotFiles(Path(config.repository))
        snapshot = files.find(text)
        yield snapshot.name, files.entries(snapshot.name)
        return
    with open_session(config, "snapshot", SilentReporter(), read_only=True) as session:
        sound = SoundFiles(session.holdings)
        current = CurrentManifest(session.holdings, sound, session.work.pool)
        yield CURRENT, current.entries()


class _Releases:
    """The releases on one side of a comparison."""

    def __init__(self) -> None:
        self.all: set[str] = set()

    def noting(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if isinstance(entry, ManifestFile):
                self.all.add(f"{entry.project}=={entry.version}")
            yield entry


def _difference(
    old: str, new: str, before: Iterable[Entry], after: Iterable[Entry]
) -> SnapshotDifference:
    ours, theirs = _Releases(), _Releases()
    projects: dict[str, list[str]] = {"added": [], "removed": [], "facts": []}
    files: list[FileDifference] = []
    added_bytes = removed_bytes = 0
    for change in compare_manifests(ours.noting(before), theirs.noting(after)):
        entry = change.new or change.old
        if isinstance(entry, ManifestProject):
            projects[change.kind].append(entry.project)
        elif entry is not None:
            files.append(_file_difference(change, entry))
            if change.kind != "facts":
                added_bytes += _size_of(change.new)
                removed_bytes += _size_of(change.old)
    counts = {
        kind: sum(file.change == kind for file in files)
        for kind in ("added", "removed", "replaced", "facts")
    }
    return SnapshotDifference(
        old,
        new,
        **counts,
        added_bytes=added_bytes,
        removed_bytes=removed_bytes,
        releases_added=tuple(sorted(theirs.all - ours.all)),
        releases_removed=tuple(sorted(ours.all - theirs.all)),
        projects_added=tuple(projects["added"]),
        projects_removed=tuple(projects["removed"]),
        projects_changed=tuple(projects["facts"]),
        files=tuple(files),
    )


def _size_of(entry: Entry | None) -> int:
    return entry.size_bytes if isinstance(entry, ManifestFile) else 0


def _file_difference(change: ManifestChange, entry: ManifestFile) -> FileDifference:
    facts: tuple[str, ...] = ()
    old, new = change.old, change.new
    if isinstance(old, ManifestFile) and isinstance(new, ManifestFile):
        names = (name for name in new._fields if name not in {"sha256", "size_bytes"})
        facts = tuple(name for name in names if getattr(old, name) != getattr(new, name))
    return FileDifference(
        change.kind,
        entry.project,
        entry.filename,
        entry.version,
        entry.size_bytes,
        entry.sha256,
        facts,
    )
