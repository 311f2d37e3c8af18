"""Edits of `packages` in a config file: the list changes, the layout of the file stays."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.cli.prompt.config_edit import edit_packages

LINES = """{
    "contact" : "me",
    "packages": [
        "flask",
        "numpy>=1.26,<3",
        "rich"
    ],

    "versions": 2
}
"""


@pytest.mark.parametrize(
    ("changed", "added", "expected"),
    [
        ({}, ["six"], LINES.replace('"rich"\n', '"rich",\n        "six"\n')),
        ({0: None}, [], LINES.replace('"flask",\n        ', "")),
        ({2: None}, [], LINES.replace(',\n        "rich"', "")),
        ({1: None, 2: None}, [], LINES.replace(',\n        "numpy>=1.26,<3",\n        "rich"', "")),
        ({1: "numpy>2"}, [], LINES.replace("numpy>=1.26,<3", "numpy>2")),
        ({2: None}, ["six"], LINES.replace('"rich"', '"six"')),
    ],
)
def test_a_list_in_lines(changed: dict[int, str | None], added: list[str], expected: str) -> None:
    assert edit_packages(LINES, changed, added) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"packages": ["a"]}', '{"packages": ["a", "six"]}'),
        ('{"packages":["a","b"]}', '{"packages":["a","b","six"]}'),
        ('{"packages": []}', '{"packages": ["six"]}'),
        ('{"packages": [\n  "a"\n]}\n', '{"packages": [\n  "a",\n  "six"\n]}\n'),
        ("{}", '{"packages": ["six"]}'),
        ('{\n  "versions": 2\n}\n', '{\n  "packages": ["six"],\n  "versions": 2\n}\n'),
        ('{"x": {"packages": [1]}}', '{"packages": ["six"], "x": {"packages": [1]}}'),
        ('{"packages": null, "versions": 2}', '{"packages": ["six"], "versions": 2}'),
        ('{"packages": ["a"],\r\n "versions": 2}', '{"packages": ["a", "six"],\r\n "versions": 2}'),
    ],
)
def test_an_entry_is_added(text: str, expected: str) -> None:
    assert edit_packages(text, {}, ["six"]) == expected


@given(
    st.lists(st.text(max_size=5), max_size=6),
    st.dictionaries(st.integers(0, 5), st.none() | st.text(max_size=5)),
    st.lists(st.text(max_size=5), max_size=3),
    st.sampled_from([None, 0, 1, 4]),
    st.dictionaries(st.sampled_from(["a", "b"]), st.text(max_size=3)),
)
def test_the_list_is_the_wanted_one(
    before: list[str],
    changed: dict[int, str | None],
    added: list[str],
    indent: int | None,
    others: dict[str, str],
) -> None:
    changed = {index: new for index, new in changed.items() if index < len(before)}
    text = json.dumps(
        {"a": "]", **others, "packages": before, "z": {"packages": [1]}}, indent=indent
    )
    edited = [changed.get(index, entry) for index, entry in enumerate(before)]
    wanted = [*(entry for entry in edited if entry is not None), *added]
    found = json.loads(edit_packages(text, changed, added))
    assert found["packages"] == wanted
    assert found == {**json.loads(text), "packages": wanted}
