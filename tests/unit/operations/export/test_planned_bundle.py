"""Where the volumes of a bundle go."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import ConfigError, RepositoryError
from microrepo.operations.export.export_run import ExportOptions, export


def test_a_stream_gets_the_same_bytes_as_a_file(config: Config, tmp_path: Path) -> None:
    pieces: list[bytes] = []
    report = export(config, ExportOptions(write=pieces.append))
    assert report.volumes == ("-",)
    assert b"six-1" in b"".join(pieces)
    assert len(b"".join(pieces)) % 512 == 0


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
