"""Health of a repository from its state, and the metrics made of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.exit_codes import ExitCode
from microrepo.model import Digests, NormalizedName
from microrepo.operations.monitor.health import Health, examine, span
from microrepo.operations.monitor.metrics import prometheus_text
from microrepo.state import FileRow, ProjectRow, RunTotals, State, open_state
from microrepo.state.monitoring import DAMAGED_MTIME_NS
from microrepo.stores.flat_directory import FlatDirectory

DAY_S = 86_400
FOO = NormalizedName("foo")


def at(hour: int) -> str:
    return f"2026-05-01T{hour:02}:00:00.000000Z"


@pytest.fixture
def directory(tmp_path: Path) -> FlatDirectory:
    directory = FlatDirectory(tmp_path)
    directory.prepare()
    return directory


@pytest.fixture
def state(directory: FlatDirectory) -> Iterator[State]:
    state, _ = open_state(directory.state_file)
    yield state
    state.close()


def add_run(
    state: State, hour: int, exit_code: int, command: str = "refresh", report: str = "{}"
) -> None:
    with state.transaction():
        run = state.start_run(at(hour), command)
        state.end_run(run, at(hour), exit_code, report, RunTotals(downloaded=2, failed=1))


def look(state: State, directory: FlatDirectory, max_age_s: float = DAY_S) -> Health:
    return examine(state, directory, at(12), max_age_s, Config())


def row(filename: str, mtime_ns: int = 1) -> FileRow:
    return FileRow(filename, FOO, "1.0", "", 10, Digests("a" * 64), present=True, mtime_ns=mtime_ns)


def test_a_fresh_mirror_is_fine(state: State, directory: FlatDirectory) -> None:
    add_run(state, 11, ExitCode.DONE)
    with state.transaction():
        state.save_projects([ProjectRow(FOO, "Foo")])
        state.save_files([row("foo-1.0.tar.gz"), row("foo-1.0.zip")])
    found = look(state, directory)
    assert (found.exit_code, found.problems, found.age_s) == (ExitCode.DONE, (), 3600)
    assert (found.projects, found.files, found.size_bytes) == (1, 2, 20)
    assert found.last_run == found.last_refresh
    assert found.running is None


@pytest.mark.parametrize(
    ("later", "expected"),
    [("prune", 3), ("delete", 3), ("index", 3), ("verify", 3), ("refresh", 0)],
)
def test_what_a_refresh_lacks_is_not_hidden_by_other_commands(
    state: State, directory: FlatDirectory, later: str, expected: int
) -> None:
    add_run(state, 10, ExitCode.INCOMPLETE)
    add_run(state, 11, ExitCode.DONE, later)
    assert look(state, directory).exit_code == expected


@pytest.mark.parametrize(("later", "expected"), [("prune", 3), ("verify", 0), ("refresh", 0)])
def test_what_verify_found_is_settled_by_verify_or_a_refresh(
    state: State, directory: FlatDirectory, later: str, expected: int
) -> None:
    add_run(state, 9, ExitCode.DONE)
    add_run(state, 10, ExitCode.INCOMPLETE, "verify")
    add_run(state, 11, ExitCode.DONE, later)
    assert look(state, directory).exit_code == expected


def test_a_repository_without_a_refresh_fails(state: State, directory: FlatDirectory) -> None:
    add_run(state, 11, ExitCode.DONE, "prune")
    found = look(state, directory)
    assert (found.exit_code, found.age_s, found.last_refresh) == (ExitCode.FAILED, None, None)
    assert found.last_run is not None
    assert found.last_run.operation == "prune"


@pytest.mark.parametrize(
    ("exit_code", "age_s", "expected", "problem"),
    [
        pytest.param(0, 3600, 0, None, id="as old as allowed"),
        pytest.param(0, 3599, 1, "began 60 minutes ago", id="too old"),
        pytest.param(3, DAY_S, 3, "is incomplete", id="incomplete"),
        pytest.param(1, DAY_S, 1, r"\(refresh\) failed: too many deletions", id="failed"),
    ],
)
def test_the_age_and_the_end_of_runs_count(
    state: State,
    directory: FlatDirectory,
    exit_code: int,
    age_s: float,
    expected: int,
    problem: str | None,
) -> None:
    add_run(state, 11, ExitCode.DONE)
    if exit_code:
        add_run(state, 12, exit_code, report='{"refused": "too many deletions"}')
    found = look(state, directory, age_s)
    assert found.exit_code == expected
    assert [bool(re.search(problem or "", text)) for text in found.problems] == (
        [] if problem is None else [True]
    )


def test_a_failed_run_does_not_make_the_mirror_younger(
    state: State, directory: FlatDirectory
) -> None:
    add_run(state, 2, ExitCode.DONE)
    add_run(state, 11, ExitCode.FAILED)
    found = look(state, directory)
    assert found.age_s == 10 * 3600
    assert (found.last_refresh or found.last_run) != found.last_run


def test_a_killed_run_and_damage_are_grave(state: State, directory: FlatDirectory) -> None:
    add_run(state, 11, ExitCode.DONE)
    state.mark_damaged("a page is broken")
    with state.transaction():
        state.set_meta("running", "refresh")
    found = look(state, directory)
    assert found.exit_code == ExitCode.FAILED
    assert [problem.split(":")[0] for problem in found.problems] == [
        "the state is damaged",
        "the last run was killed before it finished",
    ]


def test_projects_and_files_that_need_attention_are_counted(
    state: State, directory: FlatDirectory
) -> None:
    add_run(state, 11, ExitCode.DONE)
    bar = NormalizedName("bar")
    with state.transaction():
        state.save_projects(
            [
                ProjectRow(FOO, "Foo", error="404", failures=3, retry_at=at(13)),
                ProjectRow(bar, "Bar", error="500", failures=1, retry_at=at(11)),
            ]
        )
        state.save_files([row("foo-1.0.tar.gz", DAMAGED_MTIME_NS), row("foo-1.0.zip")])
    found = look(state, directory)
    assert (found.failing, found.waiting, found.damaged) == (2, 1, 1)
    assert [one.name for one in found.failing_projects] == [FOO, bar]
    assert found.exit_code == ExitCode.INCOMPLETE
    assert found.problems[0].startswith("2 projects failed")
    assert found.problems[1].startswith("1 file damaged")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 seconds"), (119, "119 seconds"), (7200, "2 hours"), (2 * DAY_S, "2 days")],
)
def test_a_span_of_time_is_told_in_one_unit(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_metrics_are_lines_of_a_name_and_a_number(state: State, directory: FlatDirectory) -> None:
    lines = prometheus_text(look(state, directory)).splitlines()
    values = {line.split("{")[0]: line.split()[-1] for line in lines if not line.startswith("#")}
    assert values["microrepo_health"] == "1"
    # Without a run there is nothing to tell of one.
    assert "microrepo_last_run_exit_code" not in values
    add_run(state, 11, ExitCode.INCOMPLETE)
    found = prometheus_text(look(state, directory))
    label = f'{{repository="{directory.path}"}}'
    assert f"microrepo_last_run_exit_code{label} 3\n" in found
    assert f"microrepo_last_run_downloaded_files{label} 2\n" in found
    names = [line.split()[2] for line in found.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
