"""Exports, called as functions."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import ConfigError, RepositoryError
from microrepo.operations.export.export_run import ExportOptions, export
from tests.support.packages import build_wheel


@pytest.fixture
def config(tmp_path: Path) -> Config:
    repository = tmp_path / "repository"
    repository.mkdir()
    for version in ("1", "2"):
        wheel = build_wheel("six", version)
        (repository / wheel.filename).write_bytes(wheel.content)
    return Config(repository=str(repository), processes=1, source="https://index.example/")


def test_any_directory_can_be_exported(config: Config, tmp_path: Path) -> None:
    report = export(config, ExportOptions(out=tmp_path / "out"))
    assert (report.exit_code, report.files, report.volume_count) == (0, 2, 1)
    assert [Path(path).is_file() for path in report.volumes] == [True]
    assert not report.is_signed
    again = export(config, ExportOptions(out=tmp_path / "out"))
    assert again.is_unchanged
    assert again.volumes == ()


def test_a_dry_run_writes_nothing(config: Config, tmp_path: Path) -> None:
    report = export(config, ExportOptions(out=tmp_path / "out", dry_run=True))
    assert (report.files, report.volumes, report.sequence) == (2, (), 0)
    assert not (tmp_path / "out").exists()
    assert not export(config, ExportOptions(out=tmp_path / "out", dry_run=True)).is_unchanged


def test_a_stream_gets_the_same_bytes_as_a_file(config: Config, tmp_path: Path) -> None:
    pieces: list[bytes] = []
    report = export(config, ExportOptions(write=pieces.append))
    assert report.volumes == ("-",)
    assert b"six-1" in b"".join(pieces)
    assert len(b"".join(pieces)) % 512 == 0


@pytest.mark.parametrize("exists", [True, False])
def test_nothing_to_send_is_an_error(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "empty"
    if exists:
        path.mkdir()
    config = Config(repository=str(path), processes=1, source="https://index.example/")
    with pytest.raises(RepositoryError, match="no distributions" if exists else "not found"):
        export(config, ExportOptions(out=tmp_path / "out"))
    assert path.exists() == exists
    assert not (tmp_path / "out").exists()


def test_an_index_without_files_cannot_be_sent(config: Config, tmp_path: Path) -> None:
    index = msgspec.structs.replace(config, files=False)
    with pytest.raises(RepositoryError, match="keeps no files"):
        export(index, ExportOptions(out=tmp_path / "out"))


def test_one_file_cannot_hold_volumes(config: Config, tmp_path: Path) -> None:
    big = Path(config.repository) / "big-1.tar.gz"
    big.write_bytes(b"0" * 3_000_000)
    options = ExportOptions(out=tmp_path / "x.tar", split_bytes=1_200_000)
    with pytest.raises(ConfigError, match="name a directory"):
        export(config, options)
    assert not (tmp_path / "x.tar").exists()


def test_what_a_killed_export_left_is_deleted(config: Config, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    unfinished = out / ".microrepo-1795990883-1fa8f6fa15d3.001-of-002.tar.4711"
    other = out / ".microrepo-notes.tar.1"
    for path in (unfinished, other):
        path.write_bytes(b"x")
    export(config, ExportOptions(out=out))
    assert not unfinished.exists()
    assert other.exists()


def test_a_medium_that_cannot_be_written_is_named(config: Config) -> None:
    with pytest.raises(RepositoryError, match="cannot be written"):
        export(config, ExportOptions(out=Path("/dev/null/out")))
