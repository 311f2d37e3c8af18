"""Downloads counted from access logs."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from microrepo.errors import ConfigError
from microrepo.exit_codes import ExitCode
from microrepo.operations.monitor.access_statistics import counting, csv_lines, write_days

FILE = "foo-1.0-py3-none-any.whl"


def hit(day: int, filename: str = FILE, client: str = "pip/24.0", status: int = 200) -> str:
    moment = f"{day:02}/May/2026:12:00:00 +0000"
    return f'10.0.0.1 - - [{moment}] "GET /{filename} HTTP/1.1" {status} 10 "-" "{client}"\n'


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    lines = [hit(1), hit(2), hit(2), hit(2, "bar-2.tar.gz", "uv/0.5"), hit(3)]
    path.write_text("".join([*lines, hit(3, status=404), hit(3, "index.html"), "nonsense\n", "\n"]))
    return path


def test_downloads_are_told_from_other_lines(log: Path) -> None:
    with counting([str(log)]) as downloads:
        stats = downloads.stats(10)
    assert (stats.exit_code, stats.logs, stats.lines, stats.malformed) == (ExitCode.DONE, 1, 9, 1)
    assert (stats.downloads, stats.others) == (5, 3)
    assert stats.by_project == {"foo": 4, "bar": 1}
    assert stats.by_client == {"pip/24.0": 4, "uv/0.5": 1}
    assert stats.by_day == {"2026-05-01": 1, "2026-05-02": 3, "2026-05-03": 1}
    assert (stats.first_day, stats.last_day) == ("2026-05-01", "2026-05-03")
    assert (stats.projects, stats.files) == (2, 2)


def test_only_the_most_frequent_are_named(log: Path) -> None:
    with counting([str(log)]) as downloads:
        assert downloads.stats(1).by_project == {"foo": 4}


def test_compressed_logs_and_patterns_count_alike(log: Path, tmp_path: Path) -> None:
    (tmp_path / "access.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    with counting([str(tmp_path / "access*")]) as downloads:
        stats = downloads.stats(10)
    assert (stats.logs, stats.downloads) == (2, 10)


def test_a_log_that_breaks_off_counts_as_far_as_it_goes(log: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(log.read_bytes() * 200)[:-8])
    with counting([str(broken), str(log)]) as downloads:
        stats = downloads.stats(10)
    assert stats.exit_code == ExitCode.INCOMPLETE
    assert [failure.what for failure in stats.unreadable] == [str(broken)]
    assert stats.downloads >= 5


def test_a_pattern_that_fits_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="log not found"), counting([str(tmp_path / "none*")]):
        pass


def test_only_whole_days_are_written(log: Path, tmp_path: Path) -> None:
    folder = tmp_path / "days"
    with counting([str(log)]) as downloads:
        assert write_days(downloads, folder) == [folder / "2026-05-02.csv"]
        lines = list(csv_lines(downloads))
    assert (folder / "2026-05-02.csv").read_text().splitlines() == [
        "project,file,client,count",
        "bar,bar-2.tar.gz,uv/0.5,1",
        f"foo,{FILE},pip/24.0,2",
    ]
    assert lines[0] == "day,project,file,client,count\n"
    assert len(lines) == 5
