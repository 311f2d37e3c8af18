"""Content of a bundle: what it carries beyond its base, and where each part is read."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from microrepo.errors import RepositoryError
from microrepo.operations.export.bundle_plan import BundleItem
from microrepo.operations.export.export_base import ExportBase
from microrepo.operations.export.sent_manifests import PackedManifest
from microrepo.standalone.importer.bundle_header import ADVISORY_MEMBERS
from microrepo.standalone.importer.manifest import compare_manifests
from microrepo.standalone.importer.manifest_entries import ManifestFile, entry_line
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.flat_directory import provenance_name, sidecar_name
from microrepo.stores.hashing import hash_file
from microrepo.stores.objects.protected_contents import ProtectedContents
from microrepo.stores.plain_files import open_plain_file

DELETIONS = "deletions.jsonl"


class BundleChanges(Struct, frozen=True):
    """Differences between the base and the snapshot of a bundle.

    Attributes:
        items: the content to send, in its order.
        files: number of sent distributions.
        deletions: `deletions.jsonl`, for people and scanners.
        deleted: number of its lines.
    """

    items: tuple[BundleItem, ...]
    files: int
    deletions: bytes = b""
    deleted: int = 0


class BundleContent:
    """Finds and opens the content of a bundle.

    Args:
        extras: the first members, by name: their content, or the file that has it.
    """

    def __init__(self, repository: Path, extras: Mapping[str, bytes | Path]) -> None:
        self._repository = repository
        self._objects = ProtectedContents.of(repository)
        self._extras = dict(extras)

    def changes(self, manifest: PackedManifest, base: ExportBase) -> BundleChanges:
        """Return what the receiver lacks, and what it deletes."""
        deletions = list(_deletions(manifest, base))
        if base.entries is not None:
            self._extras[DELETIONS] = b"".join(deletions)
        extras = [_extra_item(name, content) for name, content in _in_order(self._extras)]
        sidecars, objects, files = [], [], []
        sent, known = set(base.held), _attested_in(base)
        for entry in manifest.entries():
            if not isinstance(entry, ManifestFile):
                continue
            is_new = entry.sha256 not in sent
            if is_new if known is None else entry.provenance_sha256 not in known:
                objects += self._provenance(entry)
            if not is_new:
                continue
            sent.add(entry.sha256)
            files.append(BundleItem("files", entry.filename, entry.sha256, entry.size_bytes))
            sidecars += self._sidecar(entry)
        items = (*extras, *sidecars, *_each_once(objects), *files)
        return BundleChanges(items, len(files), b"".join(deletions), len(deletions))

    def _provenance(self, entry: ManifestFile) -> list[BundleItem]:
        """Return the provenance object of a file if it is sound."""
        name, sha256 = provenance_name(entry.filename), entry.provenance_sha256
        if not sha256:
            return []
        try:
            path = self.path(name, sha256)
            size, found = path.stat().st_size, hash_file(path).sha256
        except OSError:
            return []
        return [BundleItem("provenance", name, sha256, size)] if found == sha256 else []

    def _sidecar(self, entry: ManifestFile) -> list[BundleItem]:
        """Return the sidecar of a file if it is sound; the receiver makes missing ones."""
        path = self._repository / sidecar_name(entry.filename)
        if not entry.metadata_sha256:
            return []
        try:
            if hash_file(path).sha256 != entry.metadata_sha256:
                return []
            size = path.stat().st_size
        except OSError:
            return []
        return [BundleItem("metadata", path.name, entry.metadata_sha256, size)]

    def path(self, filename: str, sha256: str) -> Path:
        """Return where the content of a file is: protected by a snapshot, or in the directory."""
        stored = self._objects.place(sha256)
        return stored if stored.is_file() else self._repository / filename

    def open(self, item: BundleItem) -> BinaryIO:
        """Open the content of an item.

        Raises:
            RepositoryError: it cannot be read.
        """
        extra = self._extras.get(item.filename) if not item.folder else None
        if isinstance(extra, bytes):
            return io.BytesIO(extra)
        if isinstance(extra, Path):
            path = extra
        elif item.folder in {"files", "provenance"}:
            path = self.path(item.filename, item.sha256)
        else:
            path = self._repository / item.filename
        try:
            return io.BufferedReader(open_plain_file(path))
        except OSError as error:
            raise RepositoryError(path, f"cannot be read: {disk_words(error)}") from error


def _attested_in(base: ExportBase) -> set[str] | None:
    """Return the provenance objects that the receiver has; None if they are unknown."""
    if base.entries is None:
        return None
    return {one.provenance_sha256 for one in base.entries() if isinstance(one, ManifestFile)}


def _each_once(items: Iterable[BundleItem]) -> Iterator[BundleItem]:
    """Yield one item for each content."""
    yield from {item.sha256: item for item in items}.values()


def _in_order(extras: Mapping[str, bytes | Path]) -> list[tuple[str, bytes | Path]]:
    """Return members, the small ones first, so that people find the programs at once."""
    return sorted(extras.items(), key=lambda extra: (extra[0] in ADVISORY_MEMBERS, extra[0]))


def _extra_item(name: str, content: bytes | Path) -> BundleItem:
    """Return the item of a member.

    Raises:
        RepositoryError: its file cannot be read.
    """
    if isinstance(content, bytes):
        return BundleItem("", name, hashlib.sha256(content).hexdigest(), len(content))
    try:
        sha256 = hash_file(content, ("sha256",)).sha256 or ""
        return BundleItem("", name, sha256, content.stat().st_size)
    except OSError as error:
        raise RepositoryError(content, f"cannot be read: {disk_words(error)}") from error


def _deletions(manifest: PackedManifest, base: ExportBase) -> Iterator[bytes]:
    if base.entries is None:
        return
    for change in compare_manifests(base.entries(), manifest.entries()):
        if change.kind == "removed" and isinstance(change.old, ManifestFile):
            yield entry_line(change.old)
