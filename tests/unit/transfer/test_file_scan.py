"""Scans of files by a command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from microrepo.errors import ScanFailed, ScanRefused
from microrepo.transfer.file_scan import FileScanner

SHA256 = "a" * 64


def scanner(folder: Path, script: str, timeout_s: float = 30.0) -> FileScanner:
    return FileScanner((sys.executable, "-c", script), str(folder), timeout_s)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "partial"
    path.write_bytes(b"content")
    return path


def test_an_accepted_file_stays(tmp_path: Path, file: Path) -> None:
    script = "import os, sys; sys.exit(not (os.environ['MICROREPO_FILE'] == 'six-1.tar.gz' and open(sys.argv[1]).read() == 'content'))"
    scanner(tmp_path, script).check(str(file), "six-1.tar.gz", SHA256, takes=True)
    assert file.exists()


def test_a_refused_file_goes_to_quarantine_and_stays_refused(tmp_path: Path, file: Path) -> None:
    one = scanner(tmp_path, "import sys; print('found\\n  EICAR'); sys.exit(1)")
    with pytest.raises(ScanRefused, match="refused by the scan: found EICAR"):
        one.check(str(file), "six-1.tar.gz", SHA256, takes=True)
    aside = tmp_path / ".microrepo" / "quarantine" / "scan"
    assert (aside / "six-1.tar.gz").read_bytes() == b"content"
    assert (aside / "six-1.tar.gz.reason").read_text() == "found EICAR\n"
    assert not file.exists()
    with pytest.raises(ScanRefused, match="EICAR"):
        scanner(tmp_path, "").refuse_known("six-1.tar.gz", SHA256)
    scanner(tmp_path, "").refuse_known("six-1.tar.gz", "b" * 64)
    scanner(tmp_path, "").refuse_known("six-1.tar.gz", None)


def test_a_file_of_another_is_refused_in_its_place(tmp_path: Path, file: Path) -> None:
    with pytest.raises(ScanRefused, match="no reason given"):
        scanner(tmp_path, "import sys; sys.exit(1)").check(str(file), "six-1.tar.gz", SHA256)
    assert file.exists()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; print('no database'); sys.exit(2)", "code 2: no database"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "code -9"),
    ],
)
def test_a_scan_that_does_not_decide_keeps_nothing(
    tmp_path: Path, file: Path, script: str, message: str
) -> None:
    with pytest.raises(ScanFailed, match=message):
        scanner(tmp_path, script).check(str(file), "six-1.tar.gz", SHA256, takes=True)
    scanner(tmp_path, "").refuse_known("six-1.tar.gz", SHA256)
    assert file.exists()


def test_a_slow_scan_is_stopped(tmp_path: Path, file: Path) -> None:
    with pytest.raises(ScanFailed, match="longer than"):
        scanner(tmp_path, "import time; time.sleep(60)", 0.2).check(str(file), "six", SHA256)


def test_a_missing_command_is_named(tmp_path: Path, file: Path) -> None:
    one = FileScanner(("/nonexistent/scan",), str(tmp_path))
    with pytest.raises(ScanFailed, match="/nonexistent/scan: cannot be run"):
        one.check(str(file), "six-1.tar.gz", SHA256)


def test_words_are_short(tmp_path: Path, file: Path) -> None:
    one = scanner(tmp_path, "import sys; print('x' * 100_000); sys.exit(1)")
    with pytest.raises(ScanRefused) as caught:
        one.check(str(file), "six-1.tar.gz", SHA256)
    assert len(str(caught.value)) < 600
