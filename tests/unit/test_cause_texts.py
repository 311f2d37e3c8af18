"""The words for causes: each has some, on one line, and says what it is about."""

from __future__ import annotations

import pytest

from microrepo.cause_texts import action_text, cause_text
from microrepo.model import Action, ActionKind, Cause


@pytest.mark.parametrize("cause", Cause, ids=lambda cause: cause.name.lower())
def test_every_cause_has_words(cause: Cause) -> None:
    plain, detailed = cause_text(cause), cause_text(cause, "foo {0}")
    assert plain.isprintable()
    assert plain == plain.strip() != ""
    assert "foo {0}" in detailed


def test_words_tell_causes_apart() -> None:
    assert len({cause_text(cause) for cause in Cause}) == len(Cause)


def test_rivals_are_named() -> None:
    action = Action(
        ActionKind.DOWNLOAD, "a.whl", "a", Cause.SELECTED, detail="Python 3", claimants=("b", "c")
    )
    assert action_text(action) == (
        "Python 3; also claimed by b, with different content; also claimed by c, with different "
        "content"
    )
