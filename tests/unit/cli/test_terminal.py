"""The one door to the terminal: whatever is printed is printable."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.cli import terminal
from microrepo.cli.log_handlers import TerminalHandler
from microrepo.cli.progress_bars import BarReporter, TextReporter

PACKAGE = Path(__file__).resolve().parents[3] / "microrepo"
EVIL = "\x1b]0;pwned\x07\x9b31m\r\x08\x7f\u202e\u2066\u200bnews\nfake: line"


@given(st.text())
def test_only_printable_characters_pass(text: str) -> None:
    shown = terminal.escape(text)
    assert all(char.isprintable() or char in "\n\t" for char in shown)
    assert "\n" not in terminal.escape_line(text)
    if text.isprintable():
        assert shown == text


@pytest.mark.parametrize(
    "write",
    [
        lambda: terminal.write_out(EVIL),
        lambda: terminal.write_err(EVIL),
        lambda: terminal.note(EVIL),
        lambda: terminal.usage_error(EVIL, EVIL, "microrepo"),
        lambda: TextReporter().say(EVIL),
        lambda: BarReporter().say(EVIL),
        lambda: terminal.write_json({"name": EVIL, EVIL: ["\x7f", "ünï", "\U0001f40d"]}),
        lambda: TerminalHandler().emit(
            logging.makeLogRecord({"msg": "%s", "args": (EVIL,), "levelno": logging.ERROR})
        ),
    ],
)
def test_every_way_out_escapes(write: object, capsys: pytest.CaptureFixture[str]) -> None:
    write()  # type: ignore[operator]
    out, err = capsys.readouterr()
    shown = re.sub(r"[\n\r]", "", out + err) if "BarReporter" in repr(write) else out + err
    assert shown
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert "\x1b" not in out + err


def test_a_line_cannot_be_faked(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.fail("a\nmicrorepo: error: b")
    TextReporter().say("c\nd")
    assert capsys.readouterr().err == "microrepo: error: a\\nmicrorepo: error: b\nc\\nd\n"


@given(
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
)
def test_json_stays_what_it_was(value: dict[str, str]) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    escaped = terminal._json_escaped(text)
    assert json.loads(escaped) == value
    assert all(char.isprintable() or char == "\n" for char in escaped)


def test_json_in_a_poor_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ascii:
        encoding = "ascii"

    monkeypatch.setattr(sys, "stdout", Ascii())
    assert terminal._json_escaped('"ü🐍"') == '"\\u00fc\\ud83d\\udc0d"'


def test_no_other_module_prints() -> None:
    """Beside the files that travel alone, nothing names a stream or prints."""
    alone = "standalone/"
    door = PACKAGE / "cli" / "terminal.py"
    pattern = re.compile(
        r"sys\.(stdout|stderr|__std\w+)|\bprint\(|\binput\(|StreamHandler\(|getpass"
    )
    found = [
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if path != door
        and not str(path.relative_to(PACKAGE)).startswith(alone)
        and pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
