"""Results as text for people."""

from __future__ import annotations

import csv
import io
import json

import msgspec
import pytest

from microrepo.cli import terminal
from microrepo.cli.render.inspection_text import explanation_text, history_text
from microrepo.cli.render.report_text import report_text
from microrepo.cli.render.stats_text import stats_csv, stats_text
from microrepo.model import Action, ActionKind, Cause, Decision, File, NormalizedName, Project
from microrepo.operations.inspect.explanation import Explanation
from microrepo.operations.inspect.history import History
from microrepo.operations.inspect.statistics import Stats, Tally
from microrepo.operations.records.report import Failure, Report
from microrepo.plan import Totals
from microrepo.state import HistoryRow, ProjectRow, Requirer, RunRow, RunTotals

REPORT = Report(
    operation="refresh",
    repository="/srv/p",
    exit_code=0,
    started_at="2026-05-31T12:00:00.000000Z",
    seconds=1.25,
)


def report(**changes: object) -> Report:
    return msgspec.structs.replace(REPORT, **changes)


def table(text: str) -> dict[str, str]:
    """The lines of a closing table: name -> value."""
    return {line.split("  ", 1)[0]: line.split("  ", 1)[1].strip() for line in text.splitlines()}


def test_refresh() -> None:
    text = report_text(
        report(projects=3, fetched=1, downloaded=1, downloaded_bytes=1500, deleted=2)
    )
    assert table(text) == {
        "repository": "/srv/p",
        "projects": "3 checked, 1 changed",
        "downloaded": "1 file, 1.5 kB",
        "deleted": "2 files, 0 B",
        "time": "1.2 s",
    }


def test_what_did_not_happen_has_no_line() -> None:
    names = table(report_text(REPORT))
    assert not {"adopted", "resumed", "failed", "skipped", "waiting", "deleted"} & set(names)


def test_what_happened_besides() -> None:
    names = table(
        report_text(
            report(
                adopted=2,
                resumed=1,
                waiting=4,
                rejected={"yanked": 2, "not needed by any goal": 2116},
            )
        )
    )
    assert names["adopted"] == "2 files"
    assert names["resumed"] == "1 file"
    assert names["skipped"] == "2,118 files (2,116 nothing depends on, 2 yanked)"
    assert names["waiting"].startswith("4 failing projects")


def test_dry_run_lists_its_plan() -> None:
    plan = (
        Action(ActionKind.DOWNLOAD, "a.whl", "a", Cause.SELECTED, None, "Python 3.11", 1500),
        Action(ActionKind.DELETE, "b.whl", "b", Cause.UNWANTED),
    )
    totals = Totals(1, 1500, 0, 5, 1, 0, 0)
    lines = report_text(report(dry_run=True, plan=plan, totals=totals)).splitlines()
    assert lines[:2] == ["download  a.whl (1.5 kB)", "delete    b.whl: no longer wanted"]
    assert table("\n".join(lines[2:])) == {
        "repository": "/srv/p",
        "to download": "1 file, 1.5 kB",
        "to delete": "1 file, 0 B",
        "up to date": "5 files",
        "time": "1.2 s",
    }


def test_verify() -> None:
    found = report(operation="verify", totals=Totals(keep=9), failed=(Failure("a", "missing"),))
    text = report_text(found)
    assert table(text.partition("failed:")[0]) == {
        "repository": "/srv/p",
        "sound": "9 files",
        "damaged": "1 file",
        "time": "1.2 s",
    }
    assert text.endswith("failed:\n  a: missing\n")


FAILURES = tuple(Failure(f"f{number}", "gone") for number in range(25))


@pytest.mark.parametrize(("verbose", "shown"), [(False, 20), (True, 25)])
def test_many_failures(verbose: bool, shown: int) -> None:
    text = report_text(report(failed=FAILURES), verbose=verbose)
    assert text.count(": gone") == shown
    assert ("... and 5 more (--verbose shows all)" in text) is not verbose


def test_a_failure_is_its_name_and_its_reason() -> None:
    text = report_text(report(failed=(Failure("a.whl", "404"),)))
    assert text.endswith("failed:\n  a.whl: 404\n")


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"missing": ("x", "y")}, "project not found: x, y\n"),
        ({"refused": "too many"}, "refused: too many\n"),
        ({"conflicts": (Failure("a", "other"),)}, "in conflict:\n  a: other\n"),
    ],
)
def test_what_stands_below_the_table(changes: dict[str, object], end: str) -> None:
    assert report_text(report(**changes)).endswith(end)


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = report_text(report(failed=(Failure("a\x1b[31m\r", "b\x07\u202e\nc"),)))
    assert text.endswith("failed:\n  a\\x1b[31m\\r: b\\x07\\u202e\\nc\n")


# --- stats --------------------------------------------------------------------------------------------

STATS = Stats(
    2,
    3,
    4500,
    {"bdist_wheel": Tally(2, 4000), "sdist": Tally(1, 500)},
    {"whl": Tally(2, 4000), "gz": Tally(1, 500)},
    {"py3": Tally(2, 4000), "source": Tally(1, 500)},
    {"any": Tally(2, 4000), "source": Tally(1, 500)},
    {"platforms": {"any": 7, "bö\x1b": 1}, "extensions": {}},
)


def test_stats_as_text() -> None:
    text = stats_text(STATS)
    assert text.startswith("2 projects, 3 files, 4.5 kB\n")
    assert "  bdist_wheel         2      4.0 kB" in text
    assert "platforms seen at the source\n  any (7), bö\\x1b (1)\n" in text
    assert text.endswith("extensions seen at the source\n  none\n")


def test_stats_as_csv() -> None:
    rows = list(csv.reader(io.StringIO(stats_csv(STATS))))
    assert rows[:3] == [
        ["axis", "value", "files", "bytes"],
        ["all", "", "3", "4500"],
        ["package type", "bdist_wheel", "2", "4000"],
    ]
    assert ["seen platforms", "any", "7", ""] in rows
    assert {len(row) for row in rows} == {4}


# --- explain ------------------------------------------------------------------------------------------


def decision(filename: str, reason: Cause, detail: str = "") -> Decision:
    keep = reason is Cause.SELECTED
    return Decision(File(filename, "u", "1", "sdist"), keep, reason, detail)


def test_explanation_of_a_project() -> None:
    name = NormalizedName("foo")
    found = Explanation(
        Project(name, "Foo"),
        ProjectRow(name, "Foo", status="archived", checked_at="t1", error="down", retry_at="t2"),
        (
            decision("here.zip", Cause.SELECTED, "Python 3.11"),
            decision("soon.zip", Cause.SELECTED),
            decision("old.zip", Cause.YANKED, "bad\x1b"),
        ),
        frozenset({"here.zip"}),
        {"here.zip": (Requirer("here.zip", "cp311", "foo>=1", "bar==2"),)},
        {"here.zip": ("cp311: foo>=1 <- bar==2",)},
    )
    assert explanation_text([found]).splitlines() == [
        "Foo: status archived, checked t1",
        "  last attempt failed: down; retried after t2",
        "  kept  here.zip: selected (Python 3.11)",
        "         for cp311: foo>=1 <- bar==2",
        "  kept  soon.zip: selected, not downloaded yet",
        "  out   old.zip: yanked (bad\\x1b)",
    ]


def explanation(name: str, number: int) -> Explanation:
    project = NormalizedName(name)
    decisions = tuple(decision(f"{name}-{i}.zip", Cause.PLATFORM, "x " * 99) for i in range(number))
    return Explanation(
        Project(project, name), ProjectRow(project, name), decisions, frozenset(), {}
    )


def test_explanation_is_one_screen_unless_all_is_asked_for() -> None:
    lines = explanation_text([explanation("foo", 30)]).splitlines()
    assert lines[-1] == "  ... and 10 files more (10 platform); --all shows them"
    assert sum(line.startswith("  out") for line in lines) == 20
    assert max(map(len, lines)) < 120
    several = explanation_text([explanation(name, 30) for name in "abcde"]).splitlines()
    assert sum(line.startswith("  out") for line in several) == 20
    whole = explanation_text([explanation("foo", 30)], show_all=True).splitlines()
    assert sum(line.startswith("  out") for line in whole) == 30


# --- history ------------------------------------------------------------------------------------------


def test_history_has_runs_with_dates_and_totals() -> None:
    at = "2026-05-31T12:00:00.000000Z"
    rows = (
        HistoryRow(7, "foo", "foo-2.zip", "add", Cause.REQUIRED, "app", at=at),
        HistoryRow(7, "foo", "foo-1.zip", "delete", Cause.SUPERSEDED, at=at),
        HistoryRow(3, "foo", "foo-1.zip", "add", Cause.SELECTED),
    )
    totals = RunTotals(1, 4_100_000, 1, 20, 2)
    head = "run 7, 2026-05-31 12:00:00 UTC, refresh"
    runs = {7: RunRow(7, at, at, 3, None, "refresh", totals)}
    assert history_text(History(rows, runs)).splitlines() == [
        f"{head}: downloaded 1 file, 4.1 MB; deleted 1 file, 20 B; 2 failed",
        "  add     foo-2.zip  app",
        "  delete  foo-1.zip  superseded",
        "run 3",
        "  add     foo-1.zip  selected",
    ]


# --- failures -----------------------------------------------------------------------------------------


def test_long_failures_are_wrapped() -> None:
    why = "; ".join(f"app {i} depends on something-long-{i}" for i in range(20))
    lines = report_text(report(failed=(Failure("app", why),))).splitlines()
    start = lines.index("failed:")
    assert max(map(len, lines)) < 120
    assert len(lines) > start + 5
    assert all(line.startswith("      ") for line in lines[start + 2 :])


def test_projects_without_files_are_summed_up_after_the_failures() -> None:
    failed = (Failure("app", "project gone not found"),)
    emptied = {f"p{number}": "1 by yanked" for number in range(7)}
    text = report_text(report(failed=failed, emptied=emptied, without_files=7))
    end = text[text.index("no file kept for 7 projects: p0 (1 by yanked)") :]
    assert text.index("project gone not found") < text.index("no file kept")
    assert "p5" not in end
    assert "`microrepo explain p0 p1 p2 p3 p4`" in " ".join(end.split())


def test_record_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.write_json(report(missing=("bär",)))
    out = capsys.readouterr().out
    assert json.loads(out)["missing"] == ["bär"]
    assert out.startswith("{\n  ")
    assert out.endswith("}\n")
