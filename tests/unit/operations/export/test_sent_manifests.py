"""Records of sent bundles."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.errors import RepositoryError
from microrepo.operations.export.sent_manifests import (
    PackedManifest,
    SentManifests,
    pack_manifest,
)
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject


def packed(*versions: str) -> PackedManifest:
    files = [ManifestFile("six", f"six-{v}.tar.gz", v, 1, v * 64) for v in versions]
    return pack_manifest([ManifestProject("six", "Six"), *files])


@pytest.fixture
def sent(tmp_path: Path) -> SentManifests:
    return SentManifests(tmp_path)


def test_a_packed_manifest_is_read_back_and_always_the_same() -> None:
    manifest = packed("1", "2")
    assert manifest == packed("1", "2")
    assert [entry.order[2] for entry in manifest.entries()] == [
        "",
        "six-1.tar.gz",
        "six-2.tar.gz",
    ]


def test_bundles_are_found_by_number_and_id(sent: SentManifests) -> None:
    assert sent.all() == []
    first, second = packed("1"), packed("1", "2")
    origin = sent.sender().next()
    sent.add(origin, first)
    later = sent.sender().next()
    sent.add(later, second)
    assert later.origin == origin.origin
    assert later.sequence > origin.sequence
    assert [one.sequence for one in sent.all()] == [origin.sequence, later.sequence]
    found = sent.find(str(origin.sequence))
    assert found is not None
    assert list(found.entries()) == list(first.entries())
    by_id = sent.find(second.summary.snapshot[:8])
    assert by_id is not None
    assert by_id.sequence == later.sequence
    assert sent.find("12") is None
    assert sent.find("nothing") is None


def test_numbers_grow_after_a_loss(sent: SentManifests) -> None:
    sent.add(sent.sender().next(), packed("1"))
    number = sent.sender().sequence
    assert sent.sender().next().sequence > number > 1_700_000_000


def test_old_records_are_deleted(sent: SentManifests) -> None:
    for _ in range(53):
        sent.add(sent.sender().next(), packed("1"))
    assert len(sent.all()) == 50


def test_a_damaged_record_is_named(sent: SentManifests) -> None:
    sent.add(sent.sender().next(), packed("1", "2"))
    (one,) = sent.all()
    one.path.write_bytes(one.path.read_bytes()[:-20])
    with pytest.raises(RepositoryError, match="--full"):
        list(one.entries())
    one.path.write_bytes(packed("1").content)
    with pytest.raises(RepositoryError, match="another digest"):
        list(one.entries())


def test_a_damaged_identity_is_not_replaced(sent: SentManifests, tmp_path: Path) -> None:
    sent.add(sent.sender().next(), packed("1"))
    (tmp_path / ".microrepo" / "exports" / "sender.json").write_text("{")
    with pytest.raises(RepositoryError, match="--new-origin"):
        sent.sender()
