"""Prune: what goes by the settings, what goals keep, and what the guard refuses."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.model import Cause
from microrepo.operations.maintain.prune import prune
from microrepo.operations.records.report import Report
from microrepo.operations.run.goals import EVERYTHING_REQUESTED, read_requests
from microrepo.state import Requirer
from tests.support.packages import BuiltFile, build_wheel
from tests.support.shelf import Shelf

OLD, NEW = build_wheel("app", "1.0"), build_wheel("app", "2.0", requires_dist=["base<2"])
BASE, BASE_2 = build_wheel("base", "1.0"), build_wheel("base", "2.0")
OTHER = build_wheel("other", "1.0")


def run(config: Config, *requested: str, dry_run: bool = False, **settings: object) -> Report:
    requests = read_requests(requested, Path("/")) if requested else EVERYTHING_REQUESTED
    return prune(msgspec.structs.replace(config, **settings), requests, dry_run=dry_run)


def held(shelf: Shelf) -> set[str]:
    """Return the files that lie in the repository, which its state must record."""
    names = {name for name in shelf.directory.scan() if name.endswith(".whl")}
    assert names == {row.filename for row in shelf.state.files() if row.present}
    return names


def names(*built: BuiltFile) -> set[str]:
    return {one.filename for one in built}


def hold(shelf: Shelf, *built: BuiltFile) -> None:
    for one in built:
        shelf.hold(one)


def test_superseded_files_go_with_their_pages(shelf: Shelf, config: Config) -> None:
    hold(shelf, OLD, NEW, OTHER)
    shelf.publish()
    report = run(config)
    assert held(shelf) == names(NEW, OTHER)
    assert (report.deleted, report.exit_code) == (1, 0)
    assert [file.filename for file in shelf.page("app").files] == [NEW.filename]
    (change,) = shelf.state.history("app")
    assert (change.action, change.cause) == ("delete", Cause.SUPERSEDED)


def test_goals_keep_what_they_need(shelf: Shelf, config: Config) -> None:
    hold(shelf, OLD, NEW, BASE, BASE_2, OTHER)
    run(config, "app")
    assert held(shelf) == names(NEW, BASE)


def test_without_dependencies_only_named_projects_stay(shelf: Shelf, config: Config) -> None:
    hold(shelf, OLD, NEW, BASE)
    run(config, "app", dependencies=False)
    assert held(shelf) == names(NEW)


def test_an_unmet_goal_keeps_what_it_needed_before(shelf: Shelf, config: Config) -> None:
    hold(shelf, NEW, BASE_2, OTHER)
    with shelf.state.transaction():
        environment = "cp311-manylinux_2_28_x86_64"
        requirer = Requirer(BASE_2.filename, environment, "base", "app==2.0", "app")
        shelf.state.save_requirers([requirer], replace=True)
    run(config, "app", environments={environment: environment})
    assert held(shelf) == names(NEW, BASE_2, OTHER)


def test_what_an_unmet_goal_needed_stays_though_another_goal_is_met_without_it(
    shelf: Shelf, config: Config
) -> None:
    broken = build_wheel("app", "3.0", requires_dist=["base>5"])
    hold(shelf, broken, BASE, BASE_2)
    environment = "cp311-manylinux_2_28_x86_64"
    with shelf.state.transaction():
        requirer = Requirer(BASE_2.filename, environment, "base", "app==3.0", "app")
        shelf.state.save_requirers([requirer], replace=True)
    run(config, "app", "base<2", environments={environment: environment})
    assert held(shelf) == names(broken, BASE, BASE_2)


def test_a_requested_project_without_anything_selected_keeps_all(
    shelf: Shelf, config: Config
) -> None:
    hold(shelf, OLD, NEW, OTHER)
    run(config, "app", dependencies=False, package_types=["sdist"])
    assert held(shelf) == names(OLD, NEW)


def test_a_slip_in_a_name_deletes_nothing(shelf: Shelf, config: Config) -> None:
    hold(shelf, NEW, BASE, OTHER)
    report = run(config, "app", "bose", dependencies=False)
    assert (held(shelf), report.missing) == (names(NEW, BASE, OTHER), ("bose",))
    run(config, "app", "bose", dependencies=False, exclude=["other"])
    assert held(shelf) == names(NEW, BASE)
    assert not run(config, "app", dependencies=False).missing
    assert held(shelf) == names(NEW)


def test_what_a_requirement_without_a_file_asks_for_stays(shelf: Shelf, config: Config) -> None:
    hold(shelf, OLD, NEW)
    run(config, "app>=2", "app<2", dependencies=False, versions="all", exclude=["app==1.0"])
    assert held(shelf) == names(OLD, NEW)


def test_a_dry_run_only_plans(shelf: Shelf, config: Config) -> None:
    hold(shelf, OLD, NEW)
    report = run(config, dry_run=True)
    assert [action.filename for action in report.plan] == [OLD.filename]
    assert held(shelf) == names(OLD, NEW)


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_guard_refuses_too_many(shelf: Shelf, config: Config, dry_run: bool) -> None:
    hold(shelf, OLD, NEW, OTHER, BASE)
    report = run(config, "base", dependencies=False, max_deletes=2, dry_run=dry_run)
    assert report.refused_deletes == 3
    assert report.refused
    assert report.exit_code == 1
    assert held(shelf) == names(OLD, NEW, OTHER, BASE)


def test_a_superseded_file_has_its_replacement(shelf: Shelf, config: Config) -> None:
    """It does not count for the guard."""
    hold(shelf, OLD, NEW)
    assert not run(config, max_deletes=0).refused
    assert held(shelf) == names(NEW)


def test_old_releases_are_evicted_for_the_budget(shelf: Shelf, config: Config) -> None:
    hold(shelf, OLD, NEW, OTHER)
    limit = str(NEW.size + OTHER.size)
    run(config, versions="all", max_total_size=limit, over_budget="evict")
    assert held(shelf) == names(NEW, OTHER)
