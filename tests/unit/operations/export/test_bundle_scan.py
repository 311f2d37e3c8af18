"""Scans of what a bundle would send."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from microrepo.operations.export.bundle_content import BundleContent
from microrepo.operations.export.bundle_scan import scan_manifest
from microrepo.operations.export.export_base import FULL, ExportBase
from microrepo.operations.export.sent_manifests import PackedManifest, pack_manifest
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.transfer.file_scan import FileScanner


@pytest.fixture
def manifest(tmp_path: Path) -> PackedManifest:
    entries: list[ManifestProject | ManifestFile] = []
    for project in ("idna", "six"):
        entries.append(ManifestProject(project, project))
        for version in ("1", "2"):
            name = f"{project}-{version}.tar.gz"
            (tmp_path / name).write_text(name)
            sha256 = hashlib.sha256(name.encode()).hexdigest()
            entries.append(ManifestFile(project, name, version, len(name), sha256))
    return pack_manifest(entries)


def names(manifest: PackedManifest) -> list[str]:
    return [entry.order[2] or entry.project for entry in manifest.entries()]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("six-1", ["idna", "idna-1.tar.gz", "idna-2.tar.gz", "six", "six-2.tar.gz"]),
        ("six", ["idna", "idna-1.tar.gz", "idna-2.tar.gz"]),
    ],
)
def test_refused_files_leave_the_manifest(
    tmp_path: Path, manifest: PackedManifest, pattern: str, left: list[str]
) -> None:
    scanner = FileScanner(("sh", "-c", f'! grep -q {pattern} "$1"', "scan"), str(tmp_path))
    scanned = scan_manifest(manifest, FULL, BundleContent(tmp_path, {}), scanner)
    assert names(scanned.manifest) == left
    assert all("refused by the scan" in failure.why for failure in scanned.refused)


def test_what_the_receiver_has_is_not_scanned(tmp_path: Path, manifest: PackedManifest) -> None:
    held = frozenset(e.sha256 for e in manifest.entries() if isinstance(e, ManifestFile))
    scanner = FileScanner(("false",), str(tmp_path))
    base = ExportBase("", "", held)
    scanned = scan_manifest(manifest, base, BundleContent(tmp_path, {}), scanner)
    assert scanned.manifest is manifest
    assert scanned.refused == ()
