"""A password asked for at a real terminal: once, once more after a wrong one, and no third time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.copying.conftest import FAST
from tests.support.packages import BuiltFile
from tests.support.programs import CHECKOUT, clean_environment
from tests.support.receiver import Receiver
from tests.support.terminal import Terminal

RIGHT, WRONG = "right: one@%", "wrong-one"


@pytest.fixture
def terminal(pile: Path, receiver: Receiver, tmp_path: Path) -> Iterator[Terminal]:
    """A copy at a terminal, to a server that wants a password."""
    receiver.auth = ("user", RIGHT)
    (tmp_path / "home").mkdir()
    wanted = {"PYTHONPATH": str(CHECKOUT), "TERM": "xterm"}
    environment = clean_environment(tmp_path / "home", wanted)
    words = ["copy", "--source", str(pile), "--destination", receiver.upload_url, "--all"]
    words += ["--destination-username", "user", *FAST]
    opened = Terminal(words, environment, tmp_path)
    yield opened
    opened.close()


def question(receiver: Receiver) -> str:
    """Return what is asked."""
    return f"Password of user at {receiver.upload_url}: "


@pytest.mark.parametrize("before", [[], [WRONG]])
def test_the_right_one_at_once_or_at_the_second_attempt(
    before: list[str],
    terminal: Terminal,
    receiver: Receiver,
    files: list[BuiltFile],
) -> None:
    for password in [*before, RIGHT]:
        terminal.answer(question(receiver), password)
    assert terminal.finish() == 0, terminal.shown
    assert receiver.digests() == {file.filename: file.sha256 for file in files}
    assert RIGHT not in terminal.shown


def test_two_wrong_ones_are_refused_clearly(terminal: Terminal, receiver: Receiver) -> None:
    terminal.answer(question(receiver), WRONG)
    terminal.answer(question(receiver), WRONG + "!")
    assert terminal.finish() == 1
    assert "credentials are missing or wrong" in terminal.shown
    assert "Password of" not in terminal.shown
    assert WRONG not in terminal.shown
    assert receiver.forms == []


@pytest.mark.parametrize(("key", "code"), [("\x03", 130), ("\x04", 2)])
def test_control_c_and_control_d(
    key: str, code: int, terminal: Terminal, receiver: Receiver
) -> None:
    terminal.answer(question(receiver), key, end="")
    assert terminal.finish(press=key) == code
    assert "Traceback" not in terminal.shown
    assert receiver.forms == []
