"""Exports, called as functions."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.export.export_run import ExportOptions, export


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
