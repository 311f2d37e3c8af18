"""Commands that run in this process to their end, or in a fork of it and are killed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from typing import NoReturn

from microrepo.cli import main


class KilledCommands:
    """Runs commands, and kills them at random instants of the time that they usually take.

    To load the program takes far longer than these commands do, so they are forks.

    Args:
        rng: chooses the instants.

    Attributes:
        kills: how many were killed before their end.
    """

    def __init__(self, rng: random.Random) -> None:
        self.kills = 0
        self._random = rng
        self._seconds: dict[str, float] = {}

    def run(self, arguments: Sequence[str]) -> int:
        """Run a command to its end; return its exit code."""
        started = time.monotonic()
        code = main([*arguments])
        self._seconds[arguments[0]] = time.monotonic() - started
        return code

    def kill(self, arguments: Sequence[str]) -> None:
        """Start a command and kill it, and its workers with it."""
        child = os.fork()
        if child == 0:
            _end_as_command(arguments)
        with suppress(OSError):
            os.setpgid(child, child)  # as the child does, whichever comes first
        usual_s = self._seconds.get(arguments[0], 0.3)
        time.sleep(usual_s * self._random.triangular(0.02, 1.2, 0.6))
        self.kills += os.waitpid(child, os.WNOHANG) == (0, 0)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)


def _end_as_command(arguments: Sequence[str]) -> NoReturn:
    """Run a command in this process, a fork, in a group of its own, and end with it."""
    try:
        os.setpgid(0, 0)
        silence = os.open(os.devnull, os.O_WRONLY)
        for descriptor in (1, 2):
            os.dup2(silence, descriptor)
        _forget_fork_server()
        main([*arguments])
    finally:
        os._exit(0)


def _forget_fork_server() -> None:
    """Let this fork start a fork server of its own: that of its parent is not its child."""
    for server in (forkserver._forkserver, resource_tracker._resource_tracker):
        server.__init__()  # type: ignore[misc]
