"""Plan of a switch: what has to change so that a repository has what a manifest lists. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum

import msgspec
from msgspec import Struct

from microrepo.formats.times import normalize_time, to_ns
from microrepo.standalone.importer.manifest import ManifestChange, compare_manifests
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.state import FileRow, Owner
from microrepo.stores.flat_directory import OnDisk

Entry = ManifestProject | ManifestFile
# Owners in manifests, beside the values of `Owner`: files that came by a bundle belong to a person in
# the state, so that no refresh deletes them; a restore does.
BY_SOURCE, BY_BUNDLE = "", "import"
_STAYING = frozenset({Owner.PERSON.value, BY_BUNDLE})


class SwitchKind(str, Enum):
    """What a switch is for."""

    RESTORE = "restore"
    IMPORT = "import"


class PlacedFile(Struct, frozen=True, gc=False):
    """A file whose content has to be put in place.

    Attributes:
        replaces: what has the name now.
        aside: keep that in quarantine, since somebody else put it there.
        upload_ns: upload time in nanoseconds, which becomes the file's time; None if unknown.
    """

    filename: str
    project: str
    sha256: str
    size_bytes: int
    replaces: OnDisk | None = None
    aside: bool = False
    upload_ns: int | None = None


class LeavingFile(Struct, frozen=True, gc=False):
    """A file to delete.

    Attributes:
        disk: the file that is meant; None if only its row is left.
    """

    filename: str
    project: str
    sha256: str | None
    disk: OnDisk | None


class SwitchPlan(Struct, frozen=True):
    """All that a switch does; enough to complete it after a kill.

    Attributes:
        token: unlike that of any other switch.
        snapshot: id of the target.
        name: of the snapshot, for the history.
        owner: who owns the files from now on; None for whom the manifest names.
        placed, leaving: what changes in the directory.
        projects: projects whose records or files change.
        meta: values for the state; None deletes.
        moves: files that get their place last, below the control directory: from, to.
    """

    token: str
    kind: SwitchKind
    snapshot: str
    name: str
    owner: Owner | None = None
    placed: tuple[PlacedFile, ...] = ()
    leaving: tuple[LeavingFile, ...] = ()
    projects: tuple[str, ...] = ()
    meta: dict[str, str | None] = {}
    moves: tuple[tuple[str, str], ...] = ()

    @property
    def changes_files(self) -> bool:
        """Whether anything changes that readers can see."""
        return bool(self.placed or self.leaving or self.projects)


class SwitchDifference(Struct, frozen=True):
    """The difference between what a repository has and a target.

    Attributes:
        needed: files of the target that are not in place.
        surplus: files that the target does not list, with their projects.
        projects: projects that differ.
        listed: names of all files of the target.
    """

    needed: tuple[ManifestFile, ...]
    surplus: dict[str, str]
    projects: frozenset[str]
    listed: frozenset[str]


def find_difference(
    current: Iterable[Entry], target: Iterable[Entry], owner: Owner | None
) -> SwitchDifference:
    """Compare what a repository has with a target.

    Args:
        owner: who is to own all files; None for whom the target names.
    """
    needed: list[ManifestFile] = []
    surplus: dict[str, str] = {}
    projects: set[str] = set()
    listed: set[str] = set()

    def noted() -> Iterable[Entry]:
        for entry in target:
            if isinstance(entry, ManifestFile):
                listed.add(entry.filename)
            yield owned(entry, owner)

    for change in compare_manifests(current, noted()):
        old, new = change.old, change.new
        if change.kind == "facts" and is_negligible(change):
            continue
        entry = new or old
        assert entry is not None  # noqa: S101 - a change has one of them
        projects.add(entry.project)
        if isinstance(new, ManifestFile) and change.kind in {"added", "replaced"}:
            needed.append(new)
        elif isinstance(old, ManifestFile) and new is None:
            surplus[old.filename] = old.project
    return SwitchDifference(tuple(needed), surplus, frozenset(projects), frozenset(listed))


def owned(entry: Entry, owner: Owner | None) -> Entry:
    """Return an entry of a target as the repository is to record it."""
    if owner is None or not isinstance(entry, ManifestFile):
        return entry
    return entry._replace(owner=BY_SOURCE if owner is Owner.SOURCE else owner.value)


def is_negligible(change: ManifestChange) -> bool:
    """Return whether two entries say the same about a file that is in place.

    Metadata files are made from the wheels, and a file that a user put there stays theirs.
    """
    old, new = change.old, change.new
    if not isinstance(old, ManifestFile) or not isinstance(new, ManifestFile):
        return False
    owner = old.owner if old.owner in _STAYING else new.owner
    # What was not kept then need not go.
    provenance = new.provenance_sha256 or old.provenance_sha256
    return old == new._replace(
        metadata_sha256=old.metadata_sha256, owner=owner, provenance_sha256=provenance
    )


def plan_changes(
    difference: SwitchDifference,
    rows: Mapping[str, FileRow],
    disk: Mapping[str, OnDisk],
    deletable: Callable[[FileRow], bool],
) -> tuple[tuple[PlacedFile, ...], tuple[LeavingFile, ...]]:
    """Return the files to put in place and those to delete.

    Args:
        rows: by name, of all files that are needed or could be deleted, recorded or not.
        disk: the files of the directory.
        deletable: returns whether a file may be deleted or replaced; others are kept, or moved to
            quarantine if the target has another content for their name.
    """
    placed = tuple(
        PlacedFile(
            file.filename,
            file.project,
            file.sha256,
            file.size_bytes,
            disk.get(file.filename),
            aside=not (file.filename in rows and deletable(rows[file.filename])),
            upload_ns=to_ns(normalize_time(file.upload_time)),
        )
        for file in difference.needed
    )
    leaving = tuple(
        LeavingFile(row.filename, row.project, row.digests.sha256, disk.get(row.filename))
        for name, row in sorted(rows.items())
        if name not in difference.listed and deletable(row)
    )
    return placed, leaving


encode_plan = msgspec.json.Encoder().encode
decode_plan = msgspec.json.Decoder(SwitchPlan).decode
