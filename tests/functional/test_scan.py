"""A scan command sees each file before it is kept."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer

SCAN = """\
import os, sys
name = os.environ["MICROREPO_FILE"]
open(sys.argv[0] + ".log", "a").write(name + "\\n")
if os.path.exists(os.path.join({repository!r}, name)):
    sys.exit("already visible")
if name.startswith("bad"):
    print("EICAR in", name)
    sys.exit(1)
"""


@pytest.fixture
def scan(repo: Repository, tmp_path: Path) -> Path:
    path = tmp_path / "scan.py"
    path.write_text(SCAN.format(repository=str(repo.path)))
    return path


@pytest.mark.parametrize("transport", ["libcurl", "requests"])
def test_a_refused_file_is_never_visible(
    repo: Repository,
    index: FakeIndex,
    pypi: PyPIServer,
    scan: Path,
    tmp_path: Path,
    transport: str,
) -> None:
    for name in ("good", "bad"):
        index.add(name, build_wheel(name, "1.0"))
    flags = ["--packages", "good,bad", "--scan", f"{sys.executable} {scan}"]
    flags += ["--transport", transport, "--store", str(tmp_path / "store")]
    report = repo.refresh(*flags, expect=3)
    (failure,) = report.failed
    assert "refused by the scan: EICAR in bad-1.0-py3-none-any.whl" in failure.why
    assert [path.name for path in repo.path.glob("*.whl")] == ["good-1.0-py3-none-any.whl"]
    aside = repo.path / ".microrepo" / "quarantine" / "scan" / "bad-1.0-py3-none-any.whl"
    assert aside.is_file()
    assert not list((tmp_path / "store").rglob("*bad*"))

    pypi.reset()
    again = repo.refresh(*flags, "--force-check", expect=3)
    assert "refused by the scan" in again.failed[0].why
    assert [path for path in pypi.paths() if path.endswith(".whl")] == []
    seen = Path(f"{scan}.log").read_text().split()
    assert sorted(seen) == ["bad-1.0-py3-none-any.whl", "good-1.0-py3-none-any.whl"]

    # Content of a shared store is scanned for each repository.
    other = repo.path.with_name("other")
    repo.run(
        "refresh", "--repository", other, "--source", pypi.url, "--min-free-space", "0",
        "--packages", "good", "--store", tmp_path / "store", "--scan", "false", expect=3,
    )  # fmt: skip
    assert list(other.glob("*.whl")) == []


def test_a_broken_scan_keeps_nothing(repo: Repository, index: FakeIndex, scan: Path) -> None:
    index.add("good", build_wheel("good", "1.0"))
    report = repo.refresh("--packages", "good", "--scan", "/nonexistent/scan", expect=3)
    assert "cannot be run" in report.failed[0].why
    assert list(repo.path.glob("*.whl")) == []
    repo.refresh("--packages", "good", "--scan", f"{sys.executable} {scan}")
    assert len(list(repo.path.glob("*.whl"))) == 1
