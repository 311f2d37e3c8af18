"""Patterns of platform tags."""

from __future__ import annotations

import pytest

from microrepo.selection.environments.platform_patterns import omits_pure_wheels, parse_platforms


@pytest.mark.parametrize(
    ("words", "omits"),
    [
        (["win_amd64"], True),
        (["windows", "linux"], True),
        (["manylinux*"], True),
        ([], True),
        (["any", "win_amd64"], False),
        (["Any"], False),
        (["*"], False),
    ],
)
def test_lists_without_any_omit_pure_wheels(words: list[str], omits: bool) -> None:
    assert omits_pure_wheels(parse_platforms(words)) is omits


def test_all_platforms_omit_nothing() -> None:
    assert not omits_pure_wheels(None)
