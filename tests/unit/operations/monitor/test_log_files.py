"""Logs are read line by line, whatever compressed them."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from microrepo.errors import ConfigError
from microrepo.operations.monitor.log_files import LogError, expand_logs, log_lines


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_lines_of_each_kind_of_file(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    (tmp_path / "log").write_bytes(pack(b"one\ntwo\xff\nlast"))
    assert list(log_lines(str(tmp_path / "log"))) == ["one\n", "two\ufffd\n", "last"]


def test_a_line_without_an_end_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 200_000 + b"\nshort\n")
    assert list(log_lines(str(tmp_path / "log"))) == [None, "short\n"]


def test_a_cut_off_log_is_read_to_its_damage(tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(b"line\n" * 50_000)[:-20])
    with pytest.raises(LogError, match="to its end"):
        list(log_lines(str(tmp_path / "log.gz")))


def test_patterns_name_files(tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text("")
    found = expand_logs([str(tmp_path / "*.log"), str(tmp_path / "a.log"), "-"])
    assert found == [str(tmp_path / "a.log"), str(tmp_path / "b.log"), "-"]
    with pytest.raises(ConfigError, match="log not found"):
        expand_logs([str(tmp_path / "*.txt")])
