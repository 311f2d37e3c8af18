"""What a run leaves outside its state: report, change list, metrics, and what its hook is told."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.operations.records.report import Report, ReportBuilder
from microrepo.operations.run.run_outputs import (
    Ended,
    followed_by_hook,
    hook_environment,
    mark_taken,
    note_kill,
    record_failure,
    run_hook,
    write_outputs,
)
from microrepo.state import RunTotals
from tests.support.packages import build_wheel
from tests.support.shelf import NOW, Shelf

FOO = build_wheel("foo", "1.0")


def run(shelf: Shelf, *, exit_code: int = 0) -> int:
    """Record a run that has ended; what it published is noted for it."""
    with shelf.state.transaction():
        number = shelf.state.start_run(NOW, "refresh")
        shelf.state.end_run(number, NOW, exit_code, "{}", RunTotals())
    return number


def report_of(shelf: Shelf) -> Report:
    report = ReportBuilder("refresh", str(shelf.path), NOW)
    report.seconds = 1.5
    return report.build()


def write(config: Config, shelf: Shelf, number: int) -> Ended:
    ended, failures = write_outputs(config, shelf.directory, shelf.state, number, report_of(shelf))
    assert failures == []
    return ended


def ended(tmp_path: Path, **more: object) -> Ended:
    return msgspec.structs.replace(Ended(7, "refresh", 3, tmp_path / "report.json"), **more)


# --- files --------------------------------------------------------------------------------------------


def test_the_report_is_a_file(config: Config, shelf: Shelf) -> None:
    found = write(config, shelf, run(shelf))
    assert msgspec.json.decode(found.report.read_bytes(), type=Report) == report_of(shelf)
    assert (found.run, found.operation, found.exit_code, found.lists) == (1, "refresh", 0, None)


@pytest.fixture
def listing(config: Config, tmp_path: Path) -> Config:
    (tmp_path / "lists").mkdir()
    return msgspec.structs.replace(config, change_list=str(tmp_path / "lists"))


def test_a_change_list_tells_what_changed_since_the_last(listing: Config, shelf: Shelf) -> None:
    first = run(shelf)
    shelf.hold(FOO)
    shelf.publish()
    lists = write(listing, shelf, first).lists
    assert lists is not None
    assert "simple/foo/" in lists.adds.read_text()
    assert write(listing, shelf, run(shelf)).lists is None  # nothing new


def test_with_a_hook_the_list_grows_until_the_hook_has_taken_it(
    listing: Config, shelf: Shelf
) -> None:
    hooked = msgspec.structs.replace(listing, hook=["true"])
    for _ in range(2):
        number = run(shelf)
        shelf.hold(FOO)
        shelf.publish()
        assert write(hooked, shelf, number).lists is not None
    assert write(hooked, shelf, run(shelf)).lists is not None
    mark_taken(shelf.state, 3)
    assert write(hooked, shelf, run(shelf)).lists is None


def test_metrics_are_a_file(config: Config, shelf: Shelf, tmp_path: Path) -> None:
    metered = msgspec.structs.replace(config, metrics_file=str(tmp_path / "m.prom"))
    write(metered, shelf, run(shelf))
    assert "microrepo_last_run_exit_code" in (tmp_path / "m.prom").read_text()


def test_what_cannot_be_written_is_told_and_the_rest_is_written(
    config: Config, shelf: Shelf, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    bad = msgspec.structs.replace(
        config, change_list=str(tmp_path / "file"), metrics_file=str(tmp_path / "m.prom")
    )
    number = run(shelf)
    shelf.hold(FOO)
    shelf.publish()
    _, failures = write_outputs(bad, shelf.directory, shelf.state, number, report_of(shelf))
    assert [failure.what for failure in failures] == ["change list"]
    assert (tmp_path / "m.prom").exists()


@pytest.mark.parametrize("killed", [False, True])
def test_a_killed_run_is_noticed_by_the_next(shelf: Shelf, killed: bool) -> None:
    number = run(shelf)
    with shelf.state.transaction():
        if killed:
            shelf.state.set_meta("running", "1")
        assert note_kill(shelf.state, number) is killed
    assert shelf.state.changes.any(number, number) is killed


# --- the hook ------------------------------------------------------------------------------------------


def script(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(lines)]


@pytest.mark.parametrize(
    ("hook", "word"),
    [
        (script("pass"), ""),
        (script("raise SystemExit(3)"), "3"),
        (script("import os; os.kill(os.getpid(), 9)"), "9"),
        (["/nowhere/program"], "/nowhere/program"),
        (["with\0null"], "null"),
    ],
)
def test_how_a_hook_ends(config: Config, tmp_path: Path, hook: list[str], word: str) -> None:
    found = run_hook(msgspec.structs.replace(config, hook=hook), ended(tmp_path), {})
    assert word in found
    assert bool(found) is bool(word)


def test_a_hook_that_takes_too_long_is_ended(config: Config, tmp_path: Path) -> None:
    slow = msgspec.structs.replace(
        config, hook=script("import time; time.sleep(60)"), hook_timeout_s=0.3
    )
    assert "0.3" in run_hook(slow, ended(tmp_path), {})


def test_a_hook_learns_of_the_run_and_of_no_password(config: Config, tmp_path: Path) -> None:
    environ = {
        "PATH": "/bin",
        "MICROREPO_CONFIG": "c.json",
        "MICROREPO_SOURCE_PASSWORD": "secret",
    }
    found = hook_environment(config, ended(tmp_path), environ)
    assert (found["PATH"], found["MICROREPO_CONFIG"]) == ("/bin", "c.json")
    assert "secret" not in found.values()
    assert found["MICROREPO_REPOSITORY"] == config.repository
    assert (found["MICROREPO_RUN"], found["MICROREPO_EXIT_CODE"]) == ("7", "3")
    assert found["MICROREPO_REPORT"] == str(tmp_path / "report.json")
    assert "MICROREPO_CHANGES" not in found


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (5, 3)])
def test_a_hook_that_fails_is_in_the_record_of_the_run(
    config: Config, shelf: Shelf, code: int, expected: int
) -> None:
    hooked = msgspec.structs.replace(config, hook=script(f"raise SystemExit({code})"))
    report = ReportBuilder("refresh", str(shelf.path), NOW)
    with followed_by_hook(hooked, shelf.directory, report) as found:
        found.append(write(hooked, shelf, run(shelf)))
    (row,) = shelf.state.runs(5)
    assert (row.exit_code, [one.what for one in report.failed]) == (
        expected,
        ["hook"] if code else [],
    )


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_hook_follows_errors_but_no_signal(
    config: Config, shelf: Shelf, tmp_path: Path, error: type[BaseException]
) -> None:
    mark = tmp_path / "called"
    hooked = msgspec.structs.replace(config, hook=["touch", str(mark)])
    report = ReportBuilder("refresh", str(shelf.path), NOW)
    with suppress(error), followed_by_hook(hooked, shelf.directory, report) as found:
        found.append(ended(tmp_path))
        raise error
    assert mark.exists() is (error is ValueError)


def test_a_run_that_has_not_ended_gets_no_failure(config: Config, shelf: Shelf) -> None:
    with shelf.state.transaction():
        number = shelf.state.start_run(NOW, "refresh")
    record_failure(config, shelf.directory, shelf.state, number, report_of(shelf))
    (row,) = shelf.state.runs(5)
    assert (row.ended_at, row.exit_code) == (None, None)
