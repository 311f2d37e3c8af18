"""What a report says of a resolution, each thing once."""

from __future__ import annotations

import pytest

from microrepo.model import Cause, NormalizedName
from microrepo.operations.records.report import ReportBuilder
from microrepo.operations.records.resolution_report import report_failures, warn_of
from microrepo.selection.resolver.resolution_records import (
    Blocked,
    GoalFailure,
    Obstacle,
    PassedOver,
    Resolution,
)
from tests.support.closure_world import goal
from tests.unit.operations.conftest import NOW

FOO = NormalizedName("foo")
APP = goal("app", ["app"])


@pytest.fixture
def report() -> ReportBuilder:
    return ReportBuilder("refresh", "here", NOW)


def test_environments_that_fail_alike_stand_together(report: ReportBuilder) -> None:
    failures = [GoalFailure(APP, name, ("no match",)) for name in ("linux", "windows")]
    failures.append(GoalFailure(APP, "mac", ("another",)))
    report_failures(report, failures, set())
    assert [(one.what, one.why) for one in report.failed] == [
        ("app for linux, windows", "no match"),
        ("app for mac", "another"),
    ]


def test_rules_that_kept_releases_away_are_named(report: ReportBuilder) -> None:
    blocked = (Blocked(FOO, "1.0", Cause.EXCLUDED), Blocked(FOO, "2.0", Cause.YANKED))
    report_failures(report, [GoalFailure(APP, "linux", ("no match",), blocked)], set())
    (failure,) = report.failed
    assert Cause.EXCLUDED.value in failure.why
    assert Cause.YANKED.value in failure.why


def test_what_was_reported_already_is_not_said_again(report: ReportBuilder) -> None:
    two = goal("r.txt", ["app", "foo"])
    failures = [GoalFailure(APP, "linux", ("gone",)), GoalFailure(two, "linux", ("gone",))]
    report_failures(report, failures, {"app"})
    assert [one.what for one in report.failed] == ["r.txt for linux"]


@pytest.mark.parametrize(
    ("obstacle", "warned"),
    [(Obstacle.BROKEN, True), (Obstacle.PATCH, True), (Obstacle.PYTHON, False),
     (Obstacle.FILES, False)],
)  # fmt: skip
def test_newer_releases_that_are_not_used(
    report: ReportBuilder, obstacle: Obstacle, warned: bool
) -> None:
    newer = PassedOver(FOO, "2.0", "1.0", "a reason", obstacle)
    found = [
        Resolution(APP, name, (), passed_over=(newer,), warnings=("an extra",))
        for name in ("linux", "windows")
    ]
    warn_of(report, found)
    texts = report.warnings if warned else report.passed_over
    (text,) = [text for text in texts if "2.0" in text]
    assert "linux, windows" in text
    assert report.warnings.count("an extra") == 1
