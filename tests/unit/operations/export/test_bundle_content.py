"""Content of bundles: what is sent beyond a base."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from microrepo.errors import RepositoryError
from microrepo.operations.export.bundle_content import BundleContent
from microrepo.operations.export.bundle_plan import BundleItem
from microrepo.operations.export.export_base import FULL, ExportBase
from microrepo.operations.export.sent_manifests import pack_manifest
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject

Entry = ManifestProject | ManifestFile


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def entries(tmp_path: Path) -> list[Entry]:
    found: list[Entry] = [ManifestProject("six", "Six")]
    for version in ("1", "2"):
        name = f"six-{version}-py3-none-any.whl"
        (tmp_path / name).write_bytes(version.encode())
        (tmp_path / f"{name}.metadata").write_bytes(b"metadata " + version.encode())
        metadata = digest(b"metadata " + version.encode())
        sha256 = digest(version.encode())
        found.append(ManifestFile("six", name, version, 1, sha256, metadata_sha256=metadata))
    return found


def names(items: tuple[BundleItem, ...]) -> list[str]:
    return [f"{item.folder}/{item.filename}" for item in items]


def test_sidecars_precede_files(tmp_path: Path, entries: list[Entry]) -> None:
    changes = BundleContent(tmp_path, {"server.py": b"x"}).changes(pack_manifest(entries), FULL)
    assert names(changes.items) == [
        "/server.py",
        "metadata/six-1-py3-none-any.whl.metadata",
        "metadata/six-2-py3-none-any.whl.metadata",
        "files/six-1-py3-none-any.whl",
        "files/six-2-py3-none-any.whl",
    ]
    assert (changes.files, changes.deleted) == (2, 0)


def test_what_is_held_is_not_sent_and_what_is_gone_is_listed(
    tmp_path: Path, entries: list[Entry]
) -> None:
    gone = ManifestFile("six", "six-0.tar.gz", "0", 1, "0" * 64)
    held = [entries[0], gone, entries[1]]
    base = ExportBase("", "a" * 64, frozenset({digest(b"1")}), lambda: iter(held))
    content = BundleContent(tmp_path, {})
    changes = content.changes(pack_manifest(entries), base)
    assert names(changes.items) == [
        "/deletions.jsonl",
        "metadata/six-2-py3-none-any.whl.metadata",
        "files/six-2-py3-none-any.whl",
    ]
    with content.open(changes.items[0]) as stream:
        assert json.loads(stream.read())["file"] == "six-0.tar.gz"
    assert changes.deleted == 1


def test_a_sidecar_that_differs_is_left_to_the_receiver(
    tmp_path: Path, entries: list[Entry]
) -> None:
    (tmp_path / "six-1-py3-none-any.whl.metadata").write_bytes(b"other")
    (tmp_path / "six-2-py3-none-any.whl.metadata").unlink()
    changes = BundleContent(tmp_path, {}).changes(pack_manifest(entries), FULL)
    assert [item.folder for item in changes.items] == ["files", "files"]


def test_content_of_a_snapshot_is_read_from_its_store(tmp_path: Path, entries: list[Entry]) -> None:
    sha256 = digest(b"1")
    stored = tmp_path / ".microrepo" / "objects" / sha256[:2] / sha256
    stored.parent.mkdir(parents=True)
    (tmp_path / "six-1-py3-none-any.whl").replace(stored)
    item = BundleItem("files", "six-1-py3-none-any.whl", sha256, 1)
    with BundleContent(tmp_path, {}).open(item) as stream:
        assert stream.read() == b"1"
    stored.unlink()
    with pytest.raises(RepositoryError, match="six-1"):
        BundleContent(tmp_path, {}).open(item)
