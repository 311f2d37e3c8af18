"""A mirror that follows an index while it changes, is killed now and then, and is checked."""

from __future__ import annotations

import json
import queue
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Thread

import msgspec

from microrepo.operations.records.report import Report
from tests.support.answers import Request
from tests.support.changing import Life
from tests.support.expected import differences
from tests.support.index import FakeIndex
from tests.support.listed import ListedOnly
from tests.support.moods import Failing, Moods, project_of
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository, processes_of, wait_until
from tests.support.server import PyPIServer
from tests.support.state_seeding import seed_state

VERSIONS = 2
_SETTINGS = (
    *("--packages", "everything", "--no-dependencies", "--versions", str(VERSIONS)),
    *("--processes", "2", "--connections", "4", "--retries", "1", "--min-free-space", "0"),
    *("--max-deletes", "100 %"),
)
_WAYS: tuple[Failing, ...] = ("document", "file", "content")
_PLACES = {"json": "/pypi/{}/json", "simple": "/simple/{}/"}
_ASKED_FOR = 5000
_HISTORY = 5000  # more changes than one round brings
_LONG_AGO = "2001-01-01T00:00:00Z"


class Course:
    """One mirror and the index that it follows.

    Args:
        directory: where the mirror is made.
        program: runs microrepo.
        server: serves `index`, which this fills and changes.
        seed: of all that happens.
        projects: that have files, at the start.
        listed: further names of the root, without files.
        api: the mirror's setting of that name.
        patience_s: how long one refresh may take.
    """

    def __init__(
        self,
        directory: Path,
        program: MicrorepoRunner,
        server: PyPIServer,
        index: FakeIndex,
        seed: object,
        *,
        projects: int,
        listed: int,
        api: str = "json",
        patience_s: float = 60,
    ) -> None:
        settings = (*_SETTINGS, "--api", api)
        self.repo = Repository(directory / "mirror", server.url, program, settings)
        self.life = Life(index, seed)
        self.kills = self.refreshes = self.requests = 0
        self._index = index
        self._server = server
        self._program = program
        self._random = random.Random(f"course {seed}")
        self._patience_s = patience_s
        self._lock = Lock()  # held for a change, and while what changed is noted
        self._events: queue.Queue[int] = queue.Queue()
        self._every = 0
        self._asked = 0
        self._moods = Moods(server, self._on_request, _PLACES[api])
        self._api = api
        self._owed: set[str] = set()
        self._seen: set[str] = set()
        self.life.populate(projects)
        self._listed = ListedOnly(listed)
        index.listed_only = ListedOnly(min(listed, _ASKED_FOR))
        self._owed |= {name for name, _ in index.listed_only}

    def begin(self) -> None:
        """Mirror for the first time.

        Of many projects without files only some are asked for; the state is told of the others.
        """
        self._refresh()
        self.check()
        if self._listed.count > _ASKED_FOR:
            (template, _), *_ = self._listed
            database = self.repo.path / ".microrepo" / "state.db"
            seed_state(database, template, list(self._listed)[_ASKED_FOR:])
            self._index.listed_only = self._listed
            self._index.serial += 1

    def go_on(self, *, kill: bool, changes: int) -> None:
        """Change the index, refresh while it goes on changing, perhaps killed the first time.

        Args:
            kill: let the refresh be killed somewhere, then refresh again.
            changes: about how many there are.

        Raises:
            AssertionError: the refresh failed, asked about a project that it had no reason to
                ask about, or deleted a file that `microrepo history` does not know of.
        """
        for _ in range(changes):
            self._change()
        # A document, a page or a file for each, so about every other request brings a change.
        with self._changing(every=3):
            if kill:
                self._killed()
            self._refresh()

    def settle(self) -> None:
        """Let the index rest and time pass, refresh, and check all."""
        self._moods.end()
        self.let_time_pass()
        self._refresh()  # lists that became shorter are doubted at first
        self.let_time_pass()
        self._refresh(expect=0)
        self.check()
        self._refresh(expect=0)
        assert self._server.paths("/") == ["/simple/"]

    def let_time_pass(self) -> None:
        """Let the waiting of failing projects end, and the day for which short lists are doubted."""
        for column in ("retry_at", "doubted_at"):
            query = f"UPDATE projects SET {column} = ? WHERE {column} IS NOT NULL"
            self.repo.change_state(query, _LONG_AGO)

    def check(self) -> None:
        """Assert that the mirror equals the index: files, digests, pages."""
        found = differences(self.repo.path, self._index, VERSIONS, self._api)
        assert not found, "\n".join(found[:20])

    # --- the index --------------------------------------------------------------------------------

    def _change(self) -> None:
        dice = self._random.random()
        if dice < 0.03:
            name = self._random.choice(self.life.names())
            self._moods.age(name, self._random.choice((1, 1, 2)))
            self.life.release(name)
        elif dice < 0.05:
            name = self._random.choice(self.life.names())
            self._moods.fail(name, self._random.choice(_WAYS))
        elif dice < 0.07 and self._moods.bad():
            self._moods.fail(self._random.choice(sorted(self._moods.bad())), None)
        else:
            self.life.step()

    @contextmanager
    def _changing(self, every: int) -> Iterator[None]:
        """Make a change after each so many requests."""
        changer = Thread(target=self._keep_changing)
        changer.start()
        self._every = every
        try:
            yield
        finally:
            self._every = 0
            self._events.put(0)
            changer.join()

    def _keep_changing(self) -> None:
        while self._events.get():
            with self._lock:
                self._change()

    def _on_request(self, request: Request) -> None:
        del request
        self._asked += 1
        if self._every and self._asked % self._every == 0:
            self._events.put(1)

    # --- the mirror -------------------------------------------------------------------------------

    def _killed(self) -> None:
        """Let a refresh be killed: while it starts, asks, fetches, or after its last request."""
        self._server.reset()
        self.refreshes += 1
        process = self.repo.start()
        last = self._random.choice((0, 1, 1 + len(self.life.changed), 2 * len(self.life.changed)))
        asked = self._random.randint(0, last)
        wait_until(
            lambda: self._server.count() >= asked or process.poll() is not None, self._patience_s
        )
        time.sleep(self._random.random() * self._random.choice((0.02, 0.2, 0.6)))
        self.kills += process.poll() is None
        process.kill()
        with process:
            process.communicate()
        wait_until(lambda: not processes_of(self._program), self._patience_s)
        self._check_requests()

    def _refresh(self, expect: int | None = None) -> Report:
        self._server.reset()
        with self._lock:
            self._owed |= self.life.changed
            self.life.changed.clear()
            self._moods.suffered.clear()
        before = self.repo.names() | self._seen
        self.refreshes += 1
        done = self.repo.run(
            "refresh", *self.repo.flags(), "--json", expect=expect, timeout_s=self._patience_s
        )
        assert done.returncode in {0, 3}, f"exit {done.returncode}: {done.stdout}\n{done.stderr}"
        report = msgspec.json.decode(done.stdout, type=Report)
        self._check_requests()
        self._seen = self.repo.names()
        self._check_history(before - self._seen)
        unsettled = self.repo.query("SELECT name FROM projects WHERE NOT complete")
        with self._lock:
            self._owed = {str(name) for (name,) in unsettled} | self._moods.suffered
        return report

    def _check_requests(self) -> None:
        """Assert that only projects were asked about that had changed, or failed, or could not."""
        with self._lock:
            may = self._owed | self.life.changed | self._moods.suffered
        paths = self._server.paths("/")
        self.requests += len(paths)
        without_reason = {path for path in paths if (project_of(path) or "") not in {"", *may}}
        assert not without_reason, sorted(without_reason)[:20]

    def _check_history(self, gone: set[str]) -> None:
        """Assert that the history tells when and why each of these files was deleted."""
        gone = {name for name in gone if not name.endswith((".metadata", ".py", "last-modified"))}
        done = self.repo.do("history", "--json", "--limit", str(_HISTORY)) if gone else None
        told: dict[str, str] = {}
        for row in reversed(json.loads(done.stdout) if done else []):
            told[row["filename"]] = row["reason"] if row["action"] == "delete" else ""
        untold = {name for name in gone if not told.get(name)}
        assert not untold, sorted(untold)
