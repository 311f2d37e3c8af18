"""Commands that are killed at random instants while their index changes, and the truth afterwards."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from tests.support.changing import Life
from tests.support.expected import differences, expected_files
from tests.support.index import FakeIndex
from tests.support.killed_commands import KilledCommands
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository, digest_of
from tests.support.server import PyPIServer

COMMANDS = ("refresh", "copy", "index", "prune")
_VERSIONS = 2
_SETTINGS = (
    *("--packages", "everything", "--no-dependencies", "--max-deletes", "100 %"),
    *("--processes", "1", "--connections", "4", "--retries", "1", "--min-free-space", "0"),
)
_LONG_AGO = "2001-01-01T00:00:00Z"
_MOST_CHANGES = 6
_FILES = (".whl", ".tar.gz")


class KillRounds:
    """A mirror of a small index that lives, and commands on it that are killed.

    Args:
        directory: where the mirror and its copies are made.
        program: runs microrepo.
        server: serves `index`, which this fills and changes.
        seed: of all that happens.
    """

    def __init__(
        self,
        directory: Path,
        program: MicrorepoRunner,
        server: PyPIServer,
        index: FakeIndex,
        seed: object,
    ) -> None:
        self._repo = Repository(directory / "mirror", server.url, program, _SETTINGS)
        self._copy = directory / "copy"
        self._index = index
        self._life = Life(index, seed)
        self._random = random.Random(f"kills {seed}")
        self._commands = KilledCommands(self._random)
        self._life.populate(8)
        self._settle()

    @property
    def kills(self) -> int:
        """How many commands were killed before their end."""
        return self._commands.kills

    def go(self, command: str) -> None:
        """Kill a command somewhere, then run it to its end.

        Raises:
            AssertionError: what it leaves is not the truth.
        """
        arguments = self._arguments(command)
        self._change()
        self._disturb(command)
        if command != "refresh":
            self._settle()  # the command finds a mirror that is in step, and the index goes on
        self._kill(command, arguments)
        if command == "refresh":
            self._change()
            self._settle()
            return
        assert self._commands.run(arguments) == 0
        if command == "copy":
            self._check_copy()
            shutil.rmtree(self._copy)
        else:
            self._check(1 if command == "prune" else _VERSIONS)

    def _arguments(self, command: str) -> list[str]:
        flags = self._repo.flags()
        if command == "copy":
            where = ("--source", str(self._repo.path), "--destination", str(self._copy))
            return ["copy", "--all", *where, "--min-free-space", "0"]
        if command == "index":
            return ["index", "--repository", str(self._repo.path)]
        versions = 1 if command == "prune" else _VERSIONS
        return [command, *flags, "--versions", str(versions)]

    def _disturb(self, command: str) -> None:
        """Take pages away, so that there is something to write."""
        if command != "index":
            return
        for folder in ("simple", "pypi"):
            for page in (self._repo.path / folder).iterdir():
                if page.is_dir() and self._random.random() < 0.5:
                    shutil.rmtree(page)

    def _kill(self, command: str, arguments: list[str]) -> None:
        self._commands.kill(arguments)
        self._check_files(self._repo.path)
        if command == "copy" and self._copy.is_dir():
            self._check_files(self._copy)

    def _change(self) -> None:
        for _ in range(self._random.randint(0, _MOST_CHANGES)):
            self._life.step()

    def _settle(self) -> None:
        """Refresh, again where a shorter list is doubted for a day, and check."""
        arguments = self._arguments("refresh")
        assert self._commands.run(arguments) in {0, 3}
        if self._repo.query("SELECT 1 FROM projects WHERE doubted_at IS NOT NULL"):
            self._repo.change_state(
                "UPDATE projects SET doubted_at = ?, retry_at = NULL", _LONG_AGO
            )
            assert self._commands.run(arguments) in {0, 3}
        self._check(_VERSIONS)

    def _check(self, versions: int) -> None:
        found = differences(self._repo.path, self._index, versions)
        assert not found, "\n".join(found[:20])
        assert self._repo.partials() == []

    def _check_files(self, directory: Path) -> None:
        """Assert that whatever is visible is whole: its content was listed at some time."""
        for path in directory.iterdir():
            if path.name.endswith(_FILES) and not path.name.startswith("."):
                assert path.stat().st_size > 0, path

    def _check_copy(self) -> None:
        files = {f.filename for fs in expected_files(self._index, _VERSIONS).values() for f in fs}
        assert files == {p.name for p in self._copy.iterdir() if p.name.endswith(_FILES)}
        for name in files:
            assert digest_of(self._copy / name) == digest_of(self._repo.path / name), name
        assert not list(self._copy.glob(".*.part"))
