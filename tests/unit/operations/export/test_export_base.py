"""Bases of bundles: what the receiver is known to hold."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.errors import ConfigError
from microrepo.operations.export.export_base import FULL, base_for, base_since, latest_base
from microrepo.operations.export.receipt import Receipt, join_digests
from microrepo.operations.export.sent_manifests import SentManifests, pack_manifest
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject

A, B = "a" * 64, "b" * 64
ENTRIES: list[ManifestProject | ManifestFile] = [
    ManifestProject("six", "Six"),
    ManifestFile("six", "six-1.tar.gz", "1", 1, A),
]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    sent = SentManifests(tmp_path)
    sent.add(sent.sender().next(), pack_manifest(ENTRIES))
    return tmp_path


def receipt(path: Path, **facts: object) -> Path:
    path.write_bytes(msgspec.json.encode(Receipt(held=join_digests([B]), **facts)))  # type: ignore[arg-type]
    return path


def test_before_the_first_bundle_nothing_is_held(tmp_path: Path) -> None:
    assert latest_base(tmp_path) is FULL


def test_the_last_bundle_is_the_default(repository: Path) -> None:
    base = latest_base(repository)
    assert base.held == {A}
    assert base.entries is not None
    assert list(base.entries()) == ENTRIES
    assert base_since(repository, base.snapshot[:10]).snapshot == base.snapshot


def test_an_unknown_base_is_a_mistake(repository: Path) -> None:
    with pytest.raises(ConfigError, match=r"--since: .*--list"):
        base_since(repository, "nothing")


def test_a_receipt_counts_whatever_was_sent(repository: Path, tmp_path: Path) -> None:
    sender = SentManifests(repository).sender()
    (sent,) = SentManifests(repository).all()
    base = base_for(
        repository,
        receipt(tmp_path / "receipt", origin=sender.origin, snapshot=sent.snapshot),
    )
    assert base.held == {B}
    assert base.snapshot == sent.snapshot
    assert base.entries is not None
    first = base_for(repository, receipt(tmp_path / "receipt"))
    assert (first.snapshot, first.entries) == ("", None)


def test_a_receipt_for_another_repository_is_refused(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--new-origin"):
        base_for(repository, receipt(tmp_path / "receipt", origin="f" * 32))
