"""Health as lines that Prometheus reads."""

from __future__ import annotations

from pathlib import Path

from microrepo.config.schema import Config
from microrepo.model import NormalizedName
from microrepo.operations.monitor.health import examine
from microrepo.operations.monitor.metrics import prometheus_text
from microrepo.state import ProjectRow, RunTotals, open_state
from microrepo.stores.flat_directory import FlatDirectory

START, END = "2026-05-01T11:00:00.000000Z", "2026-05-01T11:00:05.000000Z"
LATER = "2026-05-01T12:00:00.000000Z"


def values(path: Path, *, run: bool) -> dict[str, str]:
    """Return the value of each metric of a repository."""
    directory = FlatDirectory(path)
    directory.prepare()
    state, _ = open_state(directory.state_file)
    with state.transaction():
        state.save_projects([ProjectRow(NormalizedName("foo"), "Foo")])
        if run:
            number = state.start_run(START, "refresh")
            state.end_run(number, END, 0, "{}", RunTotals(downloaded=2, downloaded_bytes=9))
    text = prometheus_text(examine(state, directory, LATER, 86_400, Config()))
    state.close()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert text.endswith("\n")
    assert all(f"# TYPE {line.partition('{')[0]} gauge" in text for line in lines)
    return {line.partition("{")[0]: line.rpartition(" ")[2] for line in lines}


def test_a_run_is_told_in_numbers(tmp_path: Path) -> None:
    found = values(tmp_path, run=True)
    assert found["microrepo_last_run_downloaded_files"] == "2"
    assert found["microrepo_last_run_downloaded_bytes"] == "9"
    assert float(found["microrepo_last_refresh_timestamp_seconds"]) == 1_777_633_200
    assert (found["microrepo_projects"], found["microrepo_last_run_exit_code"]) == ("1", "0")


def test_what_is_not_known_has_no_line(tmp_path: Path) -> None:
    found = values(tmp_path, run=False)
    assert "microrepo_last_run_exit_code" not in found
    assert found["microrepo_health"] == "1"


def test_the_repository_is_quoted(tmp_path: Path) -> None:
    path = tmp_path / 'a"b\\c'
    directory = FlatDirectory(path)
    directory.prepare()
    state, _ = open_state(directory.state_file)
    text = prometheus_text(examine(state, directory, LATER, 1, Config()))
    state.close()
    assert 'a\\"b\\\\c"}' in text
