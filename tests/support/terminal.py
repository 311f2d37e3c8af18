"""A program on a pseudo-terminal, driven as a person would."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE_S = 30
# Opening it makes it the controlling terminal of the new session, so that Ctrl-C is a signal.
ON_TERMINAL = """\
import os, sys
os.close(os.open(os.ttyname(0), os.O_RDWR))
os.execv(sys.executable, [sys.executable, "-m", "microrepo", *sys.argv[1:]])
"""


class Terminal:
    """A program on a pseudo-terminal, driven as a person would."""

    def __init__(self, args: list[str], environment: dict[str, str], cwd: Path) -> None:
        self.ours, theirs = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_TERMINAL, *args],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment,
            cwd=cwd,
            start_new_session=True,
        )
        os.close(theirs)

    def expect(self, text: str) -> str:
        """Read until `text` is shown; return all that was shown up to it."""
        end = time.monotonic() + PATIENCE_S
        while text not in self.shown:
            if time.monotonic() > end or not self.read():
                raise AssertionError(f"{text!r} did not come; shown: {self.shown!r}")
        before, _, self.shown = self.shown.partition(text)
        return before

    def read(self) -> bool:
        """Read what is there; return whether more can come."""
        if not select.select([self.ours], [], [], 1)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self.ours, 65536)
        except OSError:
            # Linux reports the end of a terminal as an error.
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)

    def answer(self, question: str, text: str, end: str = "\r") -> str:
        """Wait for the question, then type the text."""
        before = self.expect(question)
        os.write(self.ours, (text + end).encode())
        return before

    def finish(self, press: str = "") -> int:
        """Read to the end, pressing the keys now and then, and return the exit code.

        A signal that lands between the prompt and the wait for a key is seen by Python only with
        the next key; people press again, and so does this.
        """
        end = time.monotonic() + PATIENCE_S
        while self.read() and time.monotonic() < end:
            if press and self.process.poll() is None and not self.waits():
                os.write(self.ours, press.encode())
        return self.process.wait(PATIENCE_S)

    def waits(self) -> bool:
        """Return whether something to read comes within a second."""
        return bool(select.select([self.ours], [], [], 1)[0])

    def close(self) -> None:
        """End the program, if it still runs, and close the terminal."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.ours)
