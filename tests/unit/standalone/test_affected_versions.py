"""Affected versions: events and lists of the OSV format, by PEP 440."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from microrepo.standalone.server.advisories.affected_versions import (
    AffectedVersions,
    read_versions,
)

BOTH = [("introduced", "0"), ("fixed", "1.26.17"), ("introduced", "2.0.0"), ("fixed", "2.0.6")]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.0", True),
        ("1.26.17rc1", True),
        ("1.26.17", False),
        ("1.26.17.post1", False),
        ("2.0.0.dev1", False),
        ("2.0.0", True),
        ("2.0.5+local", True),
        ("2.0.6+local", False),
        ("2.1", False),
        ("1!0.1", False),
        ("not-a-version", True),  # older than all others
    ],
)
def test_ranges(version: str, expected: bool) -> None:
    assert AffectedVersions((), [BOTH]).contains(version) is expected


def test_order_of_events_does_not_matter() -> None:
    shuffled = AffectedVersions((), [BOTH[::-1]])
    assert [shuffled.contains(text) for text in ("1.0", "1.27", "2.0.1", "2.0.6")] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.5.0", True), ("2.5.1", True), ("2.5.1+cpu", True), ("2.5.1.post1", False), ("3", False)],
)
def test_last_affected_includes_its_local_versions(version: str, expected: bool) -> None:
    one = AffectedVersions((), [[("introduced", "2"), ("last_affected", "2.5.1")]])
    assert one.contains(version) is expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.0", True),
        ("1.0.0", True),
        ("v1", True),
        ("1.0+cpu", True),
        ("1.1", False),
        ("odd", True),
    ],
)
def test_listed_versions_are_compared_as_versions(version: str, expected: bool) -> None:
    assert AffectedVersions(["1.0", "odd"], []).contains(version) is expected


def test_fixes_are_those_of_the_range_that_has_the_release() -> None:
    one = AffectedVersions(["1.1"], [BOTH])
    assert one.fixes("1.0") == ["1.26.17"]
    assert one.fixes("2.0.1") == ["2.0.6"]
    listed = AffectedVersions(["1.1"], [[("introduced", "5"), ("fixed", "5.1")]])
    assert listed.fixes("1.1") == ["5.1"]


@pytest.mark.parametrize(
    "affected",
    [
        None,
        [],
        {"versions": 5, "ranges": {}},
        {"ranges": [None, {"type": "GIT", "events": [{"introduced": "0"}]}]},
        {"ranges": [{"type": "ECOSYSTEM", "events": [None, {"introduced": 0}, {"other": "1"}]}]},
        {"ranges": [{"type": "ECOSYSTEM"}], "versions": [None]},
    ],
)
def test_what_is_malformed_or_about_commits_affects_nothing(affected: Any) -> None:
    found = read_versions([affected])
    assert found.is_empty
    assert not found.contains("1.0")


numbers = st.tuples(*[st.integers(0, 3)] * 2).map(lambda pair: f"{pair[0]}.{pair[1]}")


@given(st.lists(numbers, min_size=2, max_size=6, unique=True), numbers, st.randoms())
def test_events_mean_what_they_say(bounds: list[str], version: str, random: Any) -> None:
    """Law: between an introduction and the next fix everything is affected, nothing elsewhere."""
    ordered = sorted(bounds, key=Version)
    kinds = ["introduced", "fixed"] * 3
    events = list(zip(kinds, ordered, strict=False))
    random.shuffle(events)
    before = [text for text in ordered if Version(text) <= Version(version)]
    assert AffectedVersions((), [events]).contains(version) is (len(before) % 2 == 1)
