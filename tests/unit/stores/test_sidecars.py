"""Metadata beside wheels: made of the wheel, and believed only with the wheel's time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from microrepo.stores.sidecars import read_sidecar, write_sidecar
from microrepo.transfer.download.metadata_sidecar import MakeSidecar, make_sidecar
from tests.support.packages import build_wheel


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / ".microrepo/partial").mkdir(parents=True)
    return tmp_path


def test_a_sidecar_holds_the_metadata_of_its_wheel(directory: Path) -> None:
    built = build_wheel("foo", "1.0")
    wheel = built.write_to(directory)
    row = make_sidecar(MakeSidecar(str(directory), built.filename))
    status = wheel.stat()
    assert (row.size, row.mtime_ns) == (built.size, status.st_mtime_ns)
    assert row.sha256 == hashlib.sha256(built.metadata or b"").hexdigest()
    assert read_sidecar(directory, built.filename, status.st_mtime_ns) == built.metadata
    assert not list((directory / ".microrepo/partial").iterdir())


def test_a_wheel_without_metadata_gets_none(directory: Path) -> None:
    name = "foo-1.0-py3-none-any.whl"
    (directory / name).write_bytes(b"not a wheel")
    assert make_sidecar(MakeSidecar(str(directory), name)).sha256 is None
    assert not (directory / f"{name}.metadata").exists()


@pytest.mark.parametrize(
    ("content", "mtime_ns", "expected"),
    [
        pytest.param(b"Name: foo", 1_000, b"Name: foo", id="ours"),
        pytest.param(b"Name: foo", 2_000, None, id="for another wheel"),
        pytest.param(b"", 1_000, None, id="empty"),
    ],
)
def test_only_a_sidecar_of_the_wheels_time_counts(
    directory: Path, content: bytes, mtime_ns: int, expected: bytes | None
) -> None:
    write_sidecar(str(directory), "foo.whl", content, mtime_ns)
    assert read_sidecar(directory, "foo.whl", 1_000) == expected
    assert read_sidecar(directory, "bar.whl", 1_000) is None


def test_a_sidecar_that_cannot_be_placed_leaves_nothing(directory: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        write_sidecar(str(directory), "foo" * 100, b"Name: foo", 1_000)
    assert os.listdir(directory / ".microrepo/partial") == []
