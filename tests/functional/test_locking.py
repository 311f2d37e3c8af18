"""One run at a time on a repository; looking is always possible."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.support.faults import StallBody
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository, wait_until
from tests.support.server import PyPIServer


@pytest.fixture
def held(repo: Repository, index: FakeIndex, pypi: PyPIServer) -> BuiltFile:
    """A file whose download is under way and does not end; a run holds the lock."""
    built = build_wheel("alpha", "1.0", payload_size=100_000)
    index.add("alpha", built)
    pypi.fault("/files/*", StallBody(1000, 600))
    repo.start("alpha", "--timeout-s", "600")
    wait_until(lambda: pypi.count("/files/") > 0)
    return built


@pytest.mark.parametrize(
    "command", [["refresh", "alpha"], ["prune", "--packages", "alpha"], ["verify"]]
)
def test_a_second_run_ends_at_once(
    repo: Repository, pypi: PyPIServer, held: BuiltFile, command: list[str]
) -> None:
    asked = pypi.count()
    started = time.monotonic()
    done = repo.run(*command, *repo.flags(), expect=4)
    assert time.monotonic() - started < 20
    assert done.stderr.count("\n") == 1
    assert "locked by another run (process " in done.stderr
    assert pypi.count() == asked


def test_looking_and_planning_go_on_meanwhile(repo: Repository, held: BuiltFile) -> None:
    assert repo.do("list").stdout == ""
    assert "0 projects, 0 files" in repo.do("stats").stdout
    report = repo.refresh("alpha", "--dry-run")
    assert report.totals.download == 1


def test_the_lock_goes_with_its_holder(
    repo: Repository, pypi: PyPIServer, held: BuiltFile, run_microrepo: MicrorepoRunner
) -> None:
    (holder,) = run_microrepo.started
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    pypi.clear_faults()
    repo.refresh("alpha")
    repo.holds(held)


def test_workers_do_not_inherit_the_lock(
    repo: Repository, pypi: PyPIServer, held: BuiltFile, run_microrepo: MicrorepoRunner
) -> None:
    lock = str((repo.path / ".microrepo" / "lock").resolve())
    (holder,) = run_microrepo.started
    holding = [
        folder.name
        for folder in Path("/proc").iterdir()
        if folder.name.isdigit() and lock in open_files(folder)
    ]
    assert holding == [str(holder.pid)]


def open_files(folder: Path) -> set[str]:
    found = set()
    try:
        for link in (folder / "fd").iterdir():
            found.add(str(link.readlink()))
    except OSError:
        pass
    return found


def test_an_old_lock_file_is_no_obstacle(repo: Repository, index: FakeIndex) -> None:
    index.add("alpha", build_wheel("alpha", "1.0"))
    control = repo.path / ".microrepo"
    control.mkdir(parents=True)
    (control / "lock").write_text("left behind")
    (control / "lock.holder").write_text("process 1 on elsewhere")
    repo.refresh("alpha")
    assert not (control / "lock.holder").exists()


def test_two_repositories_do_not_wait_for_each_other(
    repo: Repository, pypi: PyPIServer, held: BuiltFile, tmp_path: Path
) -> None:
    pypi.clear_faults()
    repo.path = tmp_path / "other"
    repo.refresh("alpha")
    repo.holds(held)
