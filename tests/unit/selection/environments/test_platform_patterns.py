"""Patterns of platform tags."""

from __future__ import annotations

import pytest

from microrepo.errors import ConfigError
from microrepo.selection.environments.platform_patterns import (
    check_platforms,
    omits_pure_wheels,
    parse_platforms,
)


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


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("win64", "did you mean 'win_amd64'"),
        ("ubuntu", "did you mean 'linux'"),
        ("darwin", "did you mean 'macos'"),
        ("x86_64", "did you mean '*_x86_64'"),
        ("manylinux2014", "did you mean 'manylinux2014_*'"),
        ("linux amd64", "write them as a list: linux, win_amd64"),
    ],
)
def test_words_that_name_no_platform_get_a_suggestion(word: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_platforms([word], "platforms")
    assert hint in str(caught.value)
