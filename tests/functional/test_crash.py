"""Runs that are killed: what is left is right, and the next run goes on from there."""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from tests.support.faults import StallBody
from tests.support.index import FakeIndex
from tests.support.killing import Arena, Victim, workers_of
from tests.support.packages import build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository, processes_of, wait_until
from tests.support.server import PyPIServer


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("victim", ["parent", "worker"])
def test_a_kill_at_a_random_instant(
    tmp_path: Path,
    run_microrepo: MicrorepoRunner,
    pypi: PyPIServer,
    index: FakeIndex,
    victim: Victim,
    seed: int,
) -> None:
    arena = Arena(tmp_path, run_microrepo, pypi, index)
    arena.kill_once(random.Random(f"{victim} {seed}"), victim, from_behind=seed % 2 == 0)


def stalled(repo: Repository, index: FakeIndex, pypi: PyPIServer) -> int:
    """Start a run whose two downloads stall; return its process number once they do."""
    for name in ("alpha", "beta"):
        index.add(name, build_wheel(name, "1.0", payload_size=300_000))
    pypi.fault("/files/*", StallBody(100_000, 600))
    process = repo.start("alpha", "beta", "--timeout-s", "600")
    wait_until(lambda: sum(request.bytes_sent for request in pypi.requests) > 200_000)
    return process.pid


def test_workers_end_with_their_parent(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, run_microrepo: MicrorepoRunner
) -> None:
    pid = stalled(repo, index, pypi)
    assert len(workers_of(pid)) == 2
    (process,) = run_microrepo.started
    process.send_signal(signal.SIGKILL)
    process.wait()
    # A second is promised; the rest is for machines that are busy with other things.
    wait_until(lambda: not processes_of(run_microrepo), patience_s=3)


def test_a_run_without_workers_goes_on(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, run_microrepo: MicrorepoRunner
) -> None:
    pid = stalled(repo, index, pypi)
    pypi.clear_faults()
    for worker in workers_of(pid):
        os.kill(worker, signal.SIGKILL)
    (process,) = run_microrepo.started
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (out, err)
    assert "a worker process died" in err
    assert repo.names() == {"alpha-1.0-py3-none-any.whl", "beta-1.0-py3-none-any.whl"}


def test_a_file_that_kills_every_worker_is_given_up(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, run_microrepo: MicrorepoRunner
) -> None:
    good = build_wheel("good", "1.0")
    index.add("good", good)
    index.add("poison", build_wheel("poison", "1.0", payload_size=300_000))
    pypi.fault("*/poison-*", StallBody(1000, 600))
    repo.settings = (*repo.settings, "--processes", "1")
    process = repo.start("good", "poison", "--timeout-s", "600")
    for attempt in range(1, 4):
        wait_until(lambda attempt=attempt: len(poisoned(pypi)) == attempt)  # type: ignore[misc]
        wait_until(lambda: good.filename in repo.names())
        (worker,) = workers_of(process.pid)
        os.kill(worker, signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, (out, err)
    assert "died 3 times" in out
    repo.holds(good)


def poisoned(pypi: PyPIServer) -> list[str]:
    return [path for path in pypi.paths("/files/") if "poison" in path]


def test_a_partial_download_without_a_digest_does_not_pile_up(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, run_microrepo: MicrorepoRunner
) -> None:
    built = build_wheel("alpha", "1.0", payload_size=300_000)
    index.add("alpha", built, digests=False)
    pypi.fault("/files/*", StallBody(100_000, 600))
    process = repo.start("--packages", "everything", "--no-require-digests", "--timeout-s", "600")
    wait_until(lambda: len(repo.partials()) == 1)
    process.kill()
    process.wait()
    wait_until(lambda: not processes_of(run_microrepo), patience_s=5)
    pypi.clear_faults()
    repo.refresh_all("--no-require-digests")
    repo.holds(built)
    assert repo.partials() == []


def test_partial_downloads_of_what_is_no_longer_wanted_are_removed(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, run_microrepo: MicrorepoRunner
) -> None:
    stalled(repo, index, pypi)
    (process,) = run_microrepo.started
    process.kill()
    process.wait()
    assert len(repo.partials()) == 2
    new = build_wheel("alpha", "2.0")
    index.add("alpha", new)
    pypi.clear_faults()
    repo.refresh_all("--exclude", "beta")
    repo.holds(new)
    assert repo.partials() == []
