"""Delete by name: what goes, what is forgotten, what would come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.model import Cause
from microrepo.operations.maintain.delete import delete
from microrepo.operations.records.report import Report
from microrepo.operations.run.goals import EVERYTHING_REQUESTED, read_requests
from microrepo.state import Requirer
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

OLD, NEW = build_wheel("app", "1.0"), build_wheel("app", "2.0")
OTHER = build_wheel("other", "1.0")


@pytest.fixture(autouse=True)
def held(shelf: Shelf) -> None:
    for one in (OLD, NEW, OTHER):
        shelf.hold(one)
    shelf.publish()


def run(config: Config, *names: str, requested: tuple[str, ...] = (), dry_run: bool = False,
        reason: str = "") -> Report:  # fmt: skip
    requests = read_requests(requested, Path("/")) if requested else EVERYTHING_REQUESTED
    return delete(config, requests, names, dry_run=dry_run, reason=reason)


def wheels(shelf: Shelf) -> list[str]:
    return sorted(name for name in shelf.directory.scan() if name.endswith(".whl"))


def test_a_release_goes_with_its_page_and_a_reason(shelf: Shelf, config: Config) -> None:
    report = run(config, "app==1.0", reason="broken")
    assert wheels(shelf) == [NEW.filename, OTHER.filename]
    assert [file.filename for file in shelf.page("app").files] == [NEW.filename]
    (change,) = shelf.state.history("app")
    assert (change.action, change.cause, change.detail) == ("delete", Cause.BY_COMMAND, "broken")
    assert (report.deleted, report.missing) == (1, ())
    # The next refresh looks at the project again.
    assert not shelf.state.projects(["app"])["app"].complete


def test_a_project_without_files_is_forgotten(shelf: Shelf, config: Config) -> None:
    run(config, "app")
    assert wheels(shelf) == [OTHER.filename]
    assert list(shelf.state.projects(["app", "other"])) == ["other"]
    assert not (shelf.path / "simple/app/index.html").exists()


def test_a_file_by_its_name(shelf: Shelf, config: Config) -> None:
    run(config, OLD.filename)
    assert wheels(shelf) == [NEW.filename, OTHER.filename]


def test_what_is_not_there_is_missing_and_the_rest_goes(shelf: Shelf, config: Config) -> None:
    report = run(config, "nothing", "other")
    assert (report.missing, report.exit_code) == (("nothing",), 3)
    assert wheels(shelf) == [OLD.filename, NEW.filename]


def test_a_dry_run_only_plans(shelf: Shelf, config: Config) -> None:
    report = run(config, "app", "app==1.0", dry_run=True)
    assert [action.filename for action in report.plan] == [OLD.filename, NEW.filename]
    assert len(wheels(shelf)) == 3


@pytest.mark.parametrize(
    ("name", "requested", "advice"),
    [
        ("app", (), '"exclude": ["app"]'),
        (
            NEW.filename,
            (),
            '"exclude_files": ["^app\\\\-2\\\\.0\\\\-py3\\\\-none\\\\-any\\\\.whl$"]',
        ),
        ("app==1.0", (), None),
        ("app", ("other",), None),
    ],
)
def test_advice_on_what_the_next_refresh_would_bring_back(
    config: Config, name: str, requested: tuple[str, ...], advice: str | None
) -> None:
    notes = run(config, name, requested=requested, dry_run=True).notes
    assert [advice in note for note in notes if advice] == ([True] if advice else [])
    assert bool(notes) is bool(advice)


def test_what_a_goal_needs_would_come_back(shelf: Shelf, config: Config) -> None:
    with shelf.state.transaction():
        requirer = Requirer(OLD.filename, "here", "app", "other==1.0", "other")
        shelf.state.save_requirers([requirer], replace=True)
    (note,) = run(config, "app==1.0", requested=("other",), dry_run=True).notes
    assert '"exclude": ["app==1.0"]' in note


@pytest.mark.parametrize(
    "name", ["", "a/b", "app[x]", "app; python_version>'3'", "app @ file:///x"]
)
def test_names_that_mean_nothing(shelf: Shelf, config: Config, name: str) -> None:
    with pytest.raises(ConfigError):
        run(config, "app", name)
    assert len(wheels(shelf)) == 3
