"""Ctrl-C and SIGTERM: an orderly end, soon, with nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from tests.support.faults import Delay, StallBody, Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository, processes_of, wait_until
from tests.support.server import PyPIServer

# Two seconds are promised; the rest is for machines that are busy with other things.
SOON_S = 15.0
SENT = 200_000


@pytest.fixture
def large(index: FakeIndex) -> BuiltFile:
    """A file whose download can be interrupted."""
    built = build_wheel("large", "1.0", payload_size=900_000)
    index.add("large", built)
    return built


@pytest.fixture
def small(index: FakeIndex) -> BuiltFile:
    """A file that is there by then."""
    built = build_wheel("small", "1.0")
    index.add("small", built)
    return built


def interrupt(process: subprocess.Popen[str], number: signal.Signals, *, group: bool) -> str:
    """Send a signal and return what the program said, once it has ended soon enough."""
    started = time.monotonic()
    if group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - started < SOON_S
    assert "Traceback" not in err
    return err


@pytest.mark.parametrize("group", [False, True], ids=["parent", "group"])
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"]
)
def test_an_interrupted_run_ends_soon_and_the_next_resumes(
    repo: Repository,
    pypi: PyPIServer,
    run_microrepo: MicrorepoRunner,
    large: BuiltFile,
    small: BuiltFile,
    number: signal.Signals,
    code: int,
    group: bool,
) -> None:
    pypi.fault("*/large-*", StallBody(SENT, 600))
    process = repo.start("--packages", "everything", "--timeout-s", "600", new_session=True)
    wait_until(lambda: small.filename in repo.names() and bool(repo.partials()))
    wait_until(lambda: repo.partials()[0].stat().st_size > 0)
    said = interrupt(process, number, group=group)
    assert process.returncode == code
    assert "interrupted; the next run resumes partial downloads" in said
    assert said.count("\n") == 1
    repo.holds(small)
    wait_until(lambda: not processes_of(run_microrepo), patience_s=SOON_S)
    (partial,) = repo.partials()
    received = partial.stat().st_size
    assert 0 < received <= SENT
    pypi.clear_faults()
    pypi.reset()
    report = repo.refresh_all()
    repo.holds(large, small)
    assert (report.resumed, report.downloaded) == (1, 1)
    (request,) = [request for request in pypi.requests if "/files/" in request.path]
    assert request.headers["range"] == f"bytes={received}-"
    assert request.bytes_sent == large.size - received


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_while_documents_are_asked_for(
    repo: Repository, pypi: PyPIServer, large: BuiltFile, number: signal.Signals
) -> None:
    pypi.fault("/pypi/*", Delay(600))
    process = repo.start("--packages", "everything", "--timeout-s", "600")
    wait_until(lambda: pypi.count("/pypi/") == 1)
    interrupt(process, number, group=False)
    assert process.returncode == 128 + number
    pypi.clear_faults()
    repo.refresh_all()
    repo.holds(large)


def test_an_interruption_while_the_list_is_asked_for(
    repo: Repository, pypi: PyPIServer, large: BuiltFile
) -> None:
    pypi.fault("/simple/", Delay(600))
    process = repo.start("--packages", "everything", "--timeout-s", "600")
    wait_until(lambda: pypi.count("/simple/") == 1)
    interrupt(process, signal.SIGINT, group=False)
    assert process.returncode == 130


def test_an_interruption_during_a_pause_between_attempts(
    repo: Repository, pypi: PyPIServer, large: BuiltFile
) -> None:
    pypi.fault("/files/*", Status(503, {"Retry-After": "100"}))
    process = repo.start("--packages", "everything")
    wait_until(lambda: pypi.count("/files/") == 1)
    interrupt(process, signal.SIGTERM, group=False)
    assert process.returncode == 143


def test_an_interrupted_run_is_recorded_as_such(
    repo: Repository, pypi: PyPIServer, large: BuiltFile
) -> None:
    pypi.fault("/files/*", StallBody(SENT, 600))
    process = repo.start("--packages", "everything", "--timeout-s", "600")
    wait_until(lambda: pypi.count("/files/") == 1)
    interrupt(process, signal.SIGINT, group=False)
    ((code, report),) = repo.query("SELECT exit_code, report FROM runs")
    assert code == 130
    assert '"interrupted":true' in report


def test_a_failed_run_is_not_recorded_as_interrupted(
    repo: Repository, pypi: PyPIServer, large: BuiltFile
) -> None:
    pypi.fault("/simple/", Status(404))
    repo.run("refresh", "--packages", "everything", *repo.flags(), expect=1)
    ((code, report),) = repo.query("SELECT exit_code, report FROM runs")
    assert code == 1
    assert '"interrupted":false' in report
    assert "answers HTTP 404" in report


def test_an_interrupted_verify_ends_soon(
    repo: Repository, pypi: PyPIServer, large: BuiltFile
) -> None:
    repo.refresh_all()
    (repo.path / large.filename).unlink()
    pypi.fault("/files/*", StallBody(SENT, 600))
    process = run_beside(repo, "verify", "--repair", "--timeout-s", "600")
    wait_until(lambda: bool(repo.partials()))
    interrupt(process, signal.SIGTERM, group=False)
    assert process.returncode == 143
    assert len(repo.partials()) == 1


def run_beside(repo: Repository, *args: str) -> subprocess.Popen[str]:
    return repo.program.start(*args, *repo.flags())
