"""Scans of files by a command."""

from __future__ import annotations

import os
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


def test_passwords_are_not_for_the_command(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MICROREPO_SOURCE_PASSWORD", "S3cr3t")
    script = (
        "import os; print(sorted(key for key in os.environ if key.startswith('MICRO'))); exit(1)"
    )
    with pytest.raises(ScanRefused, match=r"scan: \['MICROREPO_FILE'\]"):
        scanner(tmp_path, script).check(str(file), "six-1.tar.gz", SHA256)


def test_odd_things_where_verdicts_are_kept(tmp_path: Path, file: Path) -> None:
    refusing = scanner(tmp_path, "import sys; print('EICAR'); sys.exit(1)")
    verdict = tmp_path / ".microrepo" / "refused" / SHA256
    verdict.parent.mkdir(parents=True)
    aside = tmp_path / ".microrepo" / "quarantine" / "scan"
    (aside / "six-1.tar.gz").mkdir(parents=True)
    os.mkfifo(aside / "six-1.tar.gz.reason")
    os.mkfifo(verdict)
    with pytest.raises(ScanRefused, match="EICAR"):
        refusing.check(str(file), "six-1.tar.gz", SHA256, takes=True)
    assert (aside / "six-1.tar.gz").read_bytes() == b"content"
    assert verdict.read_text() == "EICAR\n"
    verdict.write_bytes(b"\xff" * 1_000_000)
    with pytest.raises(ScanRefused) as caught:
        refusing.refuse_known("six-1.tar.gz", SHA256)
    assert len(str(caught.value)) < 600


def test_a_link_where_a_verdict_is_kept_is_not_written_through(tmp_path: Path, file: Path) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    verdict = tmp_path / ".microrepo" / "refused" / SHA256
    verdict.parent.mkdir(parents=True)
    refusing = scanner(tmp_path, "import sys; print('EICAR'); sys.exit(1)")
    verdict.symlink_to(tmp_path / "nothing")
    with pytest.raises(ScanRefused, match="EICAR"):
        refusing.check(str(file), "six-1.tar.gz", SHA256)
    assert not (tmp_path / "nothing").exists()
    assert verdict.read_text() == "EICAR\n"


@pytest.mark.parametrize("name", ["refused", "quarantine", "quarantine/scan"])
def test_folders_of_verdicts_are_not_followed(tmp_path: Path, file: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    place = tmp_path / ".microrepo" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(elsewhere)
    refusing = scanner(tmp_path, "import sys; print('EICAR'); sys.exit(1)")
    with pytest.raises(ScanRefused, match="EICAR"):
        refusing.check(str(file), "six-1.tar.gz", SHA256, takes=True)
    assert list(elsewhere.iterdir()) == []
    with pytest.raises(ScanRefused, match="EICAR"):
        refusing.refuse_known("six-1.tar.gz", SHA256)
    assert not file.exists()
