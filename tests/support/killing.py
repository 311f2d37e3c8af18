"""Runs that are killed at random instants, and what must hold afterwards."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from tests.support.faults import SlowBody
from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import (
    Repository,
    built_files,
    processes_of,
    wait_until,
    watching,
)
from tests.support.server import PyPIServer

Victim = Literal["parent", "worker"]
_BYTES_PER_SECOND = 1_500_000
_LARGEST_BYTES = 400_000
_LONGEST_DELAY_S = 0.08


class Arena:
    """A slow source, a repository that is some releases behind, and a run to be killed.

    Args:
        directory: where repositories are made.
        program: runs microrepo.
        server: serves `index`, which this fills.
        projects: how many; above the size of a wave they come in several, as small files.
    """

    def __init__(
        self,
        directory: Path,
        program: MicrorepoRunner,
        server: PyPIServer,
        index: FakeIndex,
        projects: int = 10,
    ) -> None:
        self.projects = projects
        self.directory = directory
        self.program = program
        self.server = server
        self._rounds = 0
        few = projects <= 10
        old = [build_wheel(f"p{n}", "1", payload_size=few * 20_000) for n in range(projects)]
        for file in old:
            index.add(file.name, file)
        self.behind = Repository(directory / "behind", server.url, program)
        self.behind.refresh_all()
        sizes = random.Random(7)
        self.new = [
            build_wheel(f"p{n}", "2", payload_size=few * sizes.randint(1_000, _LARGEST_BYTES))
            for n in range(projects)
        ]
        for file in self.new:
            index.add(file.name, file)
        self._known = {file.filename: file for file in built_files(index)}
        if few:
            server.fault("/files/*", SlowBody(_BYTES_PER_SECOND))

    def kill_once(self, rng: random.Random, victim: Victim, *, from_behind: bool) -> None:
        """Let a refresh be killed at a random instant; then let another one put all right.

        Raises:
            AssertionError: something visible was not whole, a project was without any release, or
                a file was fetched again that was there.
        """
        repo = self._repository(from_behind=from_behind)
        self.server.reset()
        with watching(repo.path, self._known):
            if victim == "parent":
                self._kill_parent(repo, rng)
            else:
                self._kill_worker(repo, rng)
            self._check_what_is_left(repo, from_behind=from_behind)
            there, waiting = repo.names(), self._resumable(repo)
            self.server.reset()
            repo.refresh_all()
        repo.holds(*self.new)
        asked = self._ranges_by_file()
        assert not asked.keys() & there
        assert {name: asked.get(name) for name in waiting} == waiting
        assert repo.partials() == []
        shutil.rmtree(repo.path)

    def _repository(self, *, from_behind: bool) -> Repository:
        self._rounds += 1
        path = self.directory / f"round{self._rounds}"
        if from_behind:
            shutil.copytree(self.behind.path, path)
        return Repository(path, self.server.url, self.program)

    def _kill_parent(self, repo: Repository, rng: random.Random) -> None:
        with self._running(repo, rng) as process:
            process.kill()
            process.wait()
            wait_until(lambda: not processes_of(self.program), patience_s=5)

    def _kill_worker(self, repo: Repository, rng: random.Random) -> None:
        with self._running(repo, rng) as process:
            workers = workers_of(process.pid)
            if workers:
                with suppress(ProcessLookupError):
                    os.kill(rng.choice(workers), signal.SIGKILL)
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, (out, err)
        repo.holds(*self.new)
        # Each of the two threads of the lost worker had one file in flight.
        fetched = self.server.paths("/files/")
        assert len(fetched) - len(set(fetched)) <= 2

    @contextmanager
    def _running(self, repo: Repository, rng: random.Random) -> Iterator[subprocess.Popen[str]]:
        """Start a refresh and yield it at a random instant of its course."""
        process = repo.start("--packages", "everything")
        asked = rng.randint(0, 1 + 2 * self.projects)
        wait_until(lambda: self.server.count() >= asked or process.poll() is not None)
        time.sleep(rng.random() * _LONGEST_DELAY_S)
        with process:
            yield process

    def _check_what_is_left(self, repo: Repository, *, from_behind: bool) -> None:
        names = repo.names()
        if from_behind:
            projects = {name.partition("-")[0] for name in names}
            assert len(projects) == self.projects

    def _resumable(self, repo: Repository) -> dict[str, str]:
        """Return the files of which a part is there, and the range that the rest lies in."""
        sizes = {path.name[:64]: path.stat().st_size for path in repo.partials()}
        found = {}
        for file in self.new:
            size = sizes.get(file.sha256, 0)
            if 0 < size < file.size and file.filename not in repo.names():
                found[file.filename] = f"bytes={size}-"
        return found

    def _ranges_by_file(self) -> dict[str, str]:
        return {
            request.path.rpartition("/")[2]: request.headers.get("range", "")
            for request in self.server.requests
            if request.path.startswith("/files/")
        }


def workers_of(parent: int) -> list[int]:
    """Return the worker processes of a run: forked by it, or later by its fork server."""
    found: list[int] = []
    for child in _children_of(parent):
        command = _command_of(child)
        if "forkserver" in command:
            found += _children_of(child)
        elif "resource_tracker" not in command:
            found.append(child)
    return sorted(found)


def _command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return "resource_tracker of old: it is gone"


def _children_of(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found
