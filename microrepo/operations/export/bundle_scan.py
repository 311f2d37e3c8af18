"""Scan of the files of a bundle by a command, before they are sent."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from microrepo.errors import MicrorepoError
from microrepo.operations.export.bundle_content import BundleContent
from microrepo.operations.export.export_base import ExportBase
from microrepo.operations.export.sent_manifests import Entry, PackedManifest, pack_manifest
from microrepo.operations.records.report import Failure
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.transfer.file_scan import FileScanner


class ScannedManifest(Struct, frozen=True):
    """A manifest without the files that were not accepted, and why they were not."""

    manifest: PackedManifest
    refused: tuple[Failure, ...]


def scan_manifest(
    manifest: PackedManifest, base: ExportBase, content: BundleContent, scanner: FileScanner
) -> ScannedManifest:
    """Scan the files that the receiver lacks; those that it has were scanned before."""
    new = [
        entry
        for entry in manifest.entries()
        if isinstance(entry, ManifestFile) and entry.sha256 not in base.held
    ]

    def scan(entry: ManifestFile) -> Failure | None:
        try:
            path = content.path(entry.filename, entry.sha256)
            scanner.check(str(path), entry.filename, entry.sha256)
        except MicrorepoError as error:
            return Failure(entry.filename, error.why(entry.filename))
        return None

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        failures = [failure for failure in pool.map(scan, new) if failure is not None]
    if not failures:
        return ScannedManifest(manifest, ())
    refused = {failure.what for failure in failures}
    return ScannedManifest(pack_manifest(_without(manifest, refused)), tuple(failures))


def _without(manifest: PackedManifest, refused: Collection[str]) -> Iterator[Entry]:
    """Yield the entries but for some files, and but for projects that have no others."""
    project: ManifestProject | None = None
    for entry in manifest.entries():
        if isinstance(entry, ManifestProject):
            project = entry
        elif entry.filename not in refused:
            if project is not None:
                yield project
                project = None
            yield entry
