"""Suggestions are made for slips, and only for these."""

import pytest

from microrepo.suggestions import nearest

OPTIONS = ("--no-prune", "--name", "--dry-run", "--processes", "--packages", "--to")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("--dryrun", "--dry-run"),
        ("--Packages", "--packages"),
        ("--pakcages", "--packages"),  # two letters swapped are one slip
        ("--procceses", "--processes"),
        ("--nmae", "--name"),
        ("--tot", "--to"),
        ("--nope", None),
        ("--no-page", None),
        ("--x", None),
        ("", None),
    ],
)
def test_the_nearest_word(word: str, meant: str | None) -> None:
    assert nearest(word, OPTIONS) == meant
    assert nearest(word, ()) is None
