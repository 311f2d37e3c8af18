"""The metadata file beside a wheel."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.download.metadata_sidecar import MakeSidecar, make_sidecar
from tests.support.packages import build_wheel

WHEEL = build_wheel("foo", "1.0", requires_dist=["bar"])


def test_it_holds_what_the_wheel_says_of_itself(tmp_path: Path) -> None:
    FlatDirectory(tmp_path).prepare()
    path = WHEEL.write_to(tmp_path)
    row = make_sidecar(MakeSidecar(str(tmp_path), WHEEL.filename))
    sidecar = tmp_path / f"{WHEEL.filename}.metadata"
    assert sidecar.read_bytes() == WHEEL.metadata
    assert sidecar.stat().st_mtime_ns == path.stat().st_mtime_ns
    assert (row.size, row.mtime_ns) == (WHEEL.size, path.stat().st_mtime_ns)
    assert row.sha256 == hashlib.sha256(WHEEL.metadata or b"").hexdigest()


def test_a_wheel_without_readable_metadata_has_none(tmp_path: Path) -> None:
    (tmp_path / WHEEL.filename).write_bytes(WHEEL.content[:100])
    assert make_sidecar(MakeSidecar(str(tmp_path), WHEEL.filename)).sha256 is None
    assert [path.name for path in tmp_path.iterdir()] == [WHEEL.filename]


def test_a_wheel_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        make_sidecar(MakeSidecar(str(tmp_path), WHEEL.filename))
