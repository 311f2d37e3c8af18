"""Workers of a run: started once, on first use, and stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.model import Outcome
from microrepo.operations.run.run_workers import RunWorkers
from microrepo.reporting import SilentReporter
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.transfer.pool.worker import run_task
from microrepo.transfer.tasks import HashFile


@pytest.fixture
def workers(tmp_path: Path) -> RunWorkers:
    directory = FlatDirectory(tmp_path / "repository")
    directory.prepare()
    directory.file("six-1.tar.gz").write_bytes(b"content")
    config = Config(repository=str(directory.path), processes=1, source="https://index.example/")
    return RunWorkers(config, directory, SilentReporter())


@pytest.mark.parametrize("early", [True, False])
def test_workers_start_once_and_work(workers: RunWorkers, early: bool) -> None:
    if early:
        workers.start_early()
    pool = workers.pool()
    assert workers.pool() is pool
    outcome = pool.submit(run_task, HashFile("six-1.tar.gz")).result()
    assert isinstance(outcome, Outcome)
    assert outcome.size_bytes == 7
    workers.close()
    workers.close()


def test_without_tasks_no_process_starts(workers: RunWorkers) -> None:
    workers.close()
