"""Receipts: what is held, and files that are not receipts."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from microrepo.errors import ConfigError
from microrepo.operations.export.receipt import Receipt, join_digests, read_receipt

A, B = "a" * 64, "0b" * 32


def put(path: Path, **changes: object) -> Path:
    receipt = msgspec.to_builtins(Receipt(snapshot=A, held=join_digests([B, A, A])))
    path.write_text(json.dumps({**receipt, **changes}))
    return path


def test_a_receipt_names_what_is_held(tmp_path: Path) -> None:
    receipt = read_receipt(put(tmp_path / "receipt"))
    assert receipt.snapshot == A
    assert receipt.digests() == {A, B}


def test_nothing_held(tmp_path: Path) -> None:
    assert read_receipt(put(tmp_path / "receipt", held="")).digests() == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "other"},
        {"format": 2},
        {"held": "%%%"},
        {"held": "YWJj"},
        {"held": 5},
        {"sequence": "1"},
    ],
)
def test_what_is_not_a_receipt_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="receipt"):
        read_receipt(put(tmp_path / "receipt", **changes))


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe", b"{" * 1000])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "receipt").write_bytes(content)
    with pytest.raises(ConfigError, match="not a receipt"):
        read_receipt(tmp_path / "receipt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing-here: cannot be read"):
        read_receipt(tmp_path / "nothing-here")
