"""The history: changes, and the runs that made them."""

from __future__ import annotations

import pytest

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.operations.inspect.history import history


@pytest.mark.parametrize(
    ("project", "limit", "expected"),
    [(None, 100, ["b", "a"]), ("Foo.Bar", 100, ["a"]), (None, 1, ["b"])],
)
def test_changes(config: Config, project: str | None, limit: int, expected: list[str]) -> None:
    assert [row.filename for row in history(config, project, limit).changes] == expected


def test_an_unknown_project(config: Config) -> None:
    with pytest.raises(RepositoryError, match="project 'nope' not found"):
        history(config, "nope")


def test_runs_of_the_changes(config: Config) -> None:
    found = history(config)
    assert {run.id: (run.command, run.totals.downloaded) for run in found.runs.values()} == {
        1: ("refresh", 1),
        2: ("delete", 0),
    }
    assert [row.at for row in found.changes] == [
        run.started_at for run in (found.runs[2], found.runs[1])
    ]
    assert list(history(config, "foo-bar").runs) == [1]
