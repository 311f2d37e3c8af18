"""Receipts of directories that any program filled."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.export.receipt_creation import make_receipt
from tests.support.packages import build_wheel


def config_for(path: Path) -> Config:
    return Config(repository=str(path), processes=1, source="https://index.example/")


def test_sound_files_are_held(tmp_path: Path) -> None:
    wheel = build_wheel("six", "1")
    (tmp_path / wheel.filename).write_bytes(wheel.content)
    receipt = make_receipt(config_for(tmp_path))
    assert receipt.digests() == {hashlib.sha256(wheel.content).hexdigest()}
    assert (receipt.origin, receipt.snapshot, receipt.sequence) == ("", "", 0)
    assert list(tmp_path.iterdir()) == [tmp_path / wheel.filename]


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="not found"):
        make_receipt(config_for(tmp_path / "none"))
