"""Words that stand for everything, and URLs where a path belongs: meant or refused, never guessed."""

from __future__ import annotations

import pytest

from microrepo.config.declared_options import keys_of
from microrepo.config.load import convert, load
from microrepo.config.schema import Kind
from microrepo.errors import ConfigError


@pytest.mark.parametrize("word", ["all", "All", "ALL"])
@pytest.mark.parametrize("key", keys_of(Kind.NAMES))
@pytest.mark.parametrize("wrapped", [True, False])
def test_all_is_meant(key: str, word: str, *, wrapped: bool) -> None:
    assert getattr(convert({key: [word] if wrapped else word}, "x"), key) == "all"


@pytest.mark.parametrize("value", [["everything"], ["Everything"], "EVERYTHING"])
def test_everything_is_meant(value: object) -> None:
    assert convert({"packages": value}, "x").packages == "everything"


@pytest.mark.parametrize(
    "values",
    [
        {"packages": ["all"]},
        {"packages": "all"},
        {"packages": ["*"]},
        {"packages": ["everything", "flask"]},
        {"packages": ["flask", "everything"]},
        {"python_versions": ["all", "3.11"]},
        {"platforms": ["any", "ALL"]},
        {"exclude": ["everything"]},
        {"allow": ["all"]},
        {"min_age_exempt": ["all"]},
        {"exclude_platforms": ["all"]},
        {"requires_python": ["all"]},
    ],
)
def test_other_uses_are_refused(values: dict[str, object]) -> None:
    (key,) = values
    with pytest.raises(ConfigError, match=rf"^x: \$\.{key}"):
        convert(values, "x")


@pytest.mark.parametrize("key", ["platforms", "python_versions"])
def test_an_empty_list_names_no_target_and_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=rf'\$\.{key}: is empty; write "all"'):
        convert({key: []}, "x")


def test_patterns_for_all_projects_stay() -> None:
    assert convert({"exclude": ["*"], "allow": ["*"]}, "x").exclude == ["*"]


@pytest.mark.parametrize("variable", ["everything", "Everything", '["everything"]'])
def test_everything_in_a_variable(variable: str) -> None:
    assert load(None, {}, {"MICROREPO_PACKAGES": variable}).config.packages == "everything"


@pytest.mark.parametrize(
    "url", ["s3://bucket/x", "http://h.example/x", "gs://b", "https:/h", "file:///srv/x"]
)
@pytest.mark.parametrize("key", keys_of(Kind.PATH))
def test_a_url_is_not_a_path(key: str, url: str) -> None:
    with pytest.raises(ConfigError, match=rf"\$\.{key}: .* is a URL"):
        convert({key: url}, "x")
