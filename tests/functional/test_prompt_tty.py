"""The first run at a real terminal: `python -m microrepo` on a pseudo-terminal."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.programs import CHECKOUT, MicrorepoRunner, clean_environment
from tests.support.server import PyPIServer
from tests.support.terminal import Terminal

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("microrepo.__main__") is None,
    reason="the command line is not there yet",
)


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
    assert "is not a requirement" in terminal.answer("What to mirror: ", "tiny")
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


@pytest.mark.parametrize(("answer", "code", "left"), [("", 1, 12), ("no", 1, 12), ("y", 0, 1)])
def test_many_deletions_are_asked_about(
    tmp_path: Path,
    environment: dict[str, str],
    run_microrepo: MicrorepoRunner,
    index: FakeIndex,
    pypi: PyPIServer,
    answer: str,
    code: int,
    left: int,
) -> None:
    for number in range(12):
        index.add(f"p{number}", build_wheel(f"p{number}", "1.0"))
    place = tmp_path / "repository"
    flags = ["--repository", str(place), "--source", pypi.url, "--processes", "1"]
    flags += ["--no-dependencies", "--min-free-space", "0", "--exclude", "tiny"]
    done = run_microrepo("refresh", "--packages", "everything", *flags)
    assert done.returncode == 0, done.stderr
    opened = Terminal(["refresh", "--packages", "p1", *flags], environment, tmp_path)
    try:
        shown = opened.answer("Delete them? [y/N] ", answer)
        assert "11 files would be deleted without a replacement" in shown
        assert opened.finish() == code, opened.shown
    finally:
        opened.close()
    assert len(list(place.glob("*.whl"))) == left
