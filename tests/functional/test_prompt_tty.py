"""The first run at a real terminal: `python -m microrepo` on a pseudo-terminal."""

from __future__ import annotations

import importlib.util
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.programs import CHECKOUT, MicrorepoRunner, clean_environment
from tests.support.server import PyPIServer

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("microrepo.__main__") is None,
    reason="the command line is not there yet",
)
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
        """Read what is there; tell whether more can come."""
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
        """Tell whether something to read comes within a second."""
        return bool(select.select([self.ours], [], [], 1)[0])

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self.ours)


@pytest.fixture
def environment(tmp_path: Path, pypi: PyPIServer, index: FakeIndex) -> dict[str, str]:
    index.add("tiny", build_wheel("tiny", "1.0"))
    wanted = {"PYTHONPATH": str(CHECKOUT), "TERM": "xterm", "MICROREPO_SOURCE": pypi.url}
    (tmp_path / "home").mkdir()
    return clean_environment(tmp_path / "home", wanted)


@pytest.fixture
def terminal(tmp_path: Path, environment: dict[str, str]) -> Iterator[Terminal]:
    opened = Terminal([], environment, tmp_path)
    yield opened
    opened.close()


def test_the_first_run_asks_writes_and_refreshes(terminal: Terminal, tmp_path: Path) -> None:
    terminal.answer("Directory for the repository [~/microrepo]: ", "~/my repo")
    terminal.answer("What to mirror: ", "tiny>>1")
    assert "is no requirement" in terminal.answer("What to mirror: ", "tiny")
    terminal.answer("Python versions [", "")
    terminal.answer("Worker processes [", "1")
    shown = terminal.answer("Write it? [Y/n] ", "")
    assert '"~/my repo"' in shown
    assert terminal.finish() == 0, terminal.shown
    values = json.loads((tmp_path / "home/.microrepo").read_text())
    assert values["packages"] == ["tiny"]
    assert values["processes"] == 1
    files = [path.name for path in (tmp_path / "home/my repo").glob("*.whl")]
    assert files == ["tiny-1.0-py3-none-any.whl"]


def test_tab_completes_a_path(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "unusual name.txt").write_text("tiny\n")
    terminal.answer("Directory for the repository [~/microrepo]: ", "")
    terminal.answer("What to mirror: ", "-r unus\t")
    terminal.answer("Python versions [", "")
    terminal.answer("Worker processes [", "1")
    assert "unusual name.txt" in terminal.answer("Write it? [Y/n] ", "n")
    assert terminal.finish() == 2


@pytest.mark.parametrize("questions", [0, 1])
def test_control_d_stops_without_a_file(terminal: Terminal, tmp_path: Path, questions: int) -> None:
    if questions:
        terminal.answer("Directory for the repository [~/microrepo]: ", "")
    terminal.answer(": " if questions else "[~/microrepo]: ", "\x04", end="")
    assert terminal.finish() == 2
    assert "nothing was written" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert list((tmp_path / "home").iterdir()) == []


def test_control_c_stops_with_130(terminal: Terminal, tmp_path: Path) -> None:
    terminal.answer("[~/microrepo]: ", "\x03", end="")
    assert terminal.finish(press="\x03") == 130
    assert "Traceback" not in terminal.shown
    assert list((tmp_path / "home").iterdir()) == []


@pytest.mark.parametrize("args", [[], ["refresh"], ["init"]])
def test_without_a_terminal_it_says_what_to_do(
    args: list[str], run_microrepo: MicrorepoRunner
) -> None:
    done = run_microrepo(*args, stdin="")
    assert done.returncode == 2
    assert "init --yes" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(run_microrepo.home.iterdir()) == []
