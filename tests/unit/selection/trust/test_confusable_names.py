"""Confusable names: what is taken for what, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from microrepo.selection.trust.confusable_names import (
    Confusable,
    Likeness,
    NameIndex,
    confusable_with,
)
from microrepo.selection.trust.well_known_names import well_known_names

DEPENDENCIES = Path(__file__).parents[3] / "cases" / "dependency_names.txt"
INDEX = NameIndex(["requests", "numpy", "six", "toml", "pyyaml", "scikit-learn", "x-cu12"])


@pytest.mark.parametrize(
    ("name", "known"),
    [
        pytest.param("requets", "requests", id="deletion at the end"),
        pytest.param("equests", "requests", id="deletion at the start"),
        pytest.param("requestss", "requests", id="insertion"),
        pytest.param("rrequests", "requests", id="insertion at the start"),
        pytest.param("requfsts", "requests", id="replacement in the middle"),
        pytest.param("reqeusts", "requests", id="swap across the middle"),
        pytest.param("erquests", "requests", id="swap at the start"),
        pytest.param("numpi", "numpy", id="five characters"),
        pytest.param("tmol", "toml", id="a swap of four characters"),
    ],
)
def test_one_edit(name: str, known: str) -> None:
    assert INDEX.find(name) == Confusable(known, Likeness.EDIT)
    assert str(INDEX.find(name)) == f"is one edit from {known}"


@pytest.mark.parametrize(
    ("name", "known", "likeness"),
    [
        ("scikitlearn", "scikit-learn", Likeness.SEPARATORS),
        ("num-py", "numpy", Likeness.SEPARATORS),
        ("s-ix", "six", Likeness.SEPARATORS),
        ("s1x", "six", Likeness.LOOKS),
        ("t0m1", "toml", Likeness.LOOKS),
        ("nurnpy", "numpy", Likeness.LOOKS),
        ("sclklt-1earn", "scikit-learn", Likeness.LOOKS),
    ],
)
def test_separators_and_looks(name: str, known: str, likeness: Likeness) -> None:
    assert INDEX.find(name) == Confusable(known, likeness)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("requests", id="the name itself"),
        pytest.param("toms", id="too short for a replacement"),
        pytest.param("tom", id="too short for a deletion"),
        pytest.param("tomls", id="a short name with one character more"),
        pytest.param("sxi", id="too short for a swap"),
        pytest.param("rekuezts", id="two edits"),
        pytest.param("x-cu13", id="a number in the last word"),
        pytest.param("a", id="one character"),
    ],
)
def test_names_that_are_not_confusable(name: str) -> None:
    assert INDEX.find(name) is None


def test_the_list_of_well_known_names() -> None:
    names = well_known_names()
    assert len(names) > 3000
    assert all(canonicalize_name(name) == name for name in names)
    assert {"requests", "numpy", "django", "setuptools", "boto3"} <= names


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("requets", "requests"),
        ("urlib3", "urllib3"),
        ("python-dateutils", "python-dateutil"),
        ("colourama", "colorama"),
        ("jeilyfish", "jellyfish"),
        ("setup-tools", "setuptools"),
        ("tensorfow", "tensorflow"),
    ],
)
def test_names_that_were_used_against_people(name: str, known: str) -> None:
    found = confusable_with(name)
    assert found is not None
    assert found.name == known


def test_no_false_alarm_about_dependencies_of_well_known_projects() -> None:
    """Dependencies of jupyterlab, pandas, torch, airflow, django, AWS tools and others."""
    names = DEPENDENCIES.read_text("ascii").split()
    assert len(set(names)) > 400
    assert [(name, str(confusable_with(name))) for name in names if confusable_with(name)] == []
    index = NameIndex(well_known_names() - set(names))
    alarms = [name for name in names if index.find(name)]
    assert 0 < len(alarms) <= len(names) // 12  # if none of them were on the list
