"""Cool-down: when a file is due, and which releases pass as the fix of a held one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microrepo.config.load import convert
from microrepo.model import Cause, Decision, File, NormalizedName, Project
from microrepo.selection.rules.decisions import reconsider_at, select, split_candidates
from microrepo.selection.rules.policy import Policy, build_policy
from microrepo.selection.trust.cool_down import HeldBack, due_at, held_back, is_security_fix
from tests.support.advisories import known_advisories, osv_record

FOO = NormalizedName("foo")
NOW = "2026-06-10T00:00:00.000000Z"
OLD, YOUNG, OLDER_YOUNG = (
    "2026-01-01T00:00:00.000000Z",
    "2026-06-09T12:00:00.000000Z",
    "2026-06-08T12:00:00.000000Z",
)
FLAW = osv_record("PYSEC-1", "foo", fixed="1.1")


def file(version: str, uploaded: str | None = YOUNG, name: str = "", **facts: Any) -> File:
    return File(
        f"foo-{version}{name}.zip", "file:///x", version, "sdist", upload_time=uploaded, **facts
    )


def policy(*records: dict[str, Any], held: tuple[str, ...] = (), **settings: Any) -> Policy:
    values = {"min_age_days": 3, "versions": "all", "python_versions": "all", **settings}
    made = build_policy(convert(values, "test"), None)
    known = known_advisories(*records or (FLAW,))
    return msgspec.structs.replace(made, advisories=known, held={FOO: held} if held else {})


def kept(rules: Policy, *files: File) -> list[str]:
    project = Project(FOO, "foo", files=files)
    by_rules = [one.file.version for one in select(project, rules, NOW) if one.keep]
    candidates = [one.version for one in split_candidates(project, rules, NOW)[0]]
    assert sorted(by_rules) == sorted(candidates)
    return by_rules


FILES = [file("1.0", OLD), file("1.1"), file("1.2")]


def test_the_fix_of_a_held_release_passes_and_nothing_after_it() -> None:
    assert kept(policy(), *FILES) == ["1.0"]
    assert kept(policy(held=("1.0",)), *FILES) == ["1.1", "1.0"]
    assert kept(policy(held=("0.9",)), *FILES) == ["1.1", "1.0"]


def test_a_fix_that_was_let_pass_stays() -> None:
    assert kept(policy(held=("1.1",)), *FILES) == ["1.1", "1.0"]
    assert kept(policy(held=("1.2",)), *FILES) == ["1.0"]


@pytest.mark.parametrize(
    "record",
    [
        osv_record("PYSEC-1", "foo", last_affected="1.0"),  # whatever comes next would pass
        osv_record("PYSEC-1", "foo", introduced="", versions=["1.0"]),
        osv_record("PYSEC-1", "foo", introduced="0.5", fixed="0.7"),  # what is held has no flaw
        osv_record("PYSEC-1", "other", fixed="1.1"),
        osv_record("MAL-1", "foo", fixed="1.1"),
    ],
)
def test_what_no_advisory_names_as_the_fix_waits(record: dict[str, Any]) -> None:
    rules = policy(record, held=("1.0",), malware="report")
    assert kept(rules, *FILES) == ["1.0"]


def test_a_fix_that_is_malware_waits() -> None:
    evil = osv_record("MAL-1", "foo", introduced="", versions=["1.1"])
    assert kept(policy(FLAW, evil, held=("1.0",), malware="report"), *FILES) == ["1.0"]


def test_versions_are_compared_as_versions() -> None:
    advisories = known_advisories(FLAW).of("foo")
    assert is_security_fix("1.1.0", advisories, ["1.0"])
    assert not is_security_fix("1.1.post1", advisories, ["1.0"])
    assert not is_security_fix("1.1", advisories, [])


def test_due() -> None:
    decisions = [
        Decision(file("2"), False, Cause.TOO_YOUNG),
        Decision(file("2", OLDER_YOUNG, "a"), False, Cause.TOO_YOUNG),
        Decision(file("3", None, seen_at=YOUNG), False, Cause.TOO_YOUNG),
        Decision(file("4", None), False, Cause.TOO_YOUNG),
        Decision(file("1"), False, Cause.YANKED),
    ]
    assert [due_at(one, 3) for one in decisions] == [
        "2026-06-12T12:00:00.000000Z",
        "2026-06-11T12:00:00.000000Z",
        "2026-06-12T12:00:00.000000Z",
        None,
        None,
    ]
    assert held_back(FOO, decisions, 3) == [
        HeldBack(FOO, "2", "2026-06-11T12:00:00.000000Z"),
        HeldBack(FOO, "3", "2026-06-12T12:00:00.000000Z"),
    ]
    assert held_back(FOO, decisions, 0) == []
    assert reconsider_at(decisions, policy()) == "2026-06-11T12:00:00.000000Z"


@pytest.mark.parametrize(
    ("unknown", "seen_at", "cause", "detail"),
    [
        (
            "refuse",
            OLD,
            Cause.TOO_LATE,
            "the source announces no upload time, see `min_age_unknown`",
        ),
        ("first-seen", OLD, Cause.SELECTED, ""),
        ("first-seen", YOUNG, Cause.TOO_YOUNG, f"first seen {YOUNG}, due on 2026-06-12"),
        ("first-seen", None, Cause.TOO_YOUNG, f"first seen {NOW}, due on 2026-06-13"),
    ],
)
def test_without_upload_times(unknown: str, seen_at: str | None, cause: Cause, detail: str) -> None:
    project = Project(FOO, "foo", files=(file("1.0", None, seen_at=seen_at),))
    (decision,) = select(project, policy(min_age_unknown=unknown), NOW)
    assert (decision.cause, decision.detail) == (cause, detail)


def test_first_seen_is_no_upload_time() -> None:
    project = Project(FOO, "foo", files=(file("1.0", None, seen_at=OLD),))
    rules = policy(min_age_unknown="first-seen", uploaded_before="2026-06-01")
    (decision,) = select(project, rules, NOW)
    assert decision.cause is Cause.TOO_LATE
