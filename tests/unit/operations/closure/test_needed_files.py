"""What goals need of the files that are held."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from microrepo.config.schema import Config
from microrepo.model import File, Project
from microrepo.operations.closure.needed_files import Needed, needed_files
from tests.support.closure_world import goal
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

APP = build_wheel("app", "1.0", requires_dist=["base<2"])
BASE, BASE_2 = build_wheel("base", "1.0"), build_wheel("base", "2.0")


@pytest.fixture(autouse=True)
def held(shelf: Shelf) -> None:
    for one in (APP, BASE, BASE_2):
        shelf.hold(one)


def everything(project: Project) -> Iterable[File]:
    return project.files


def needed(config: Config, shelf: Shelf, *texts: str) -> Needed:
    goals = [goal(text, [text]) for text in texts]
    return needed_files(config, shelf.state, shelf.directory, goals, everything)


def test_a_goal_needs_what_it_leads_to(config: Config, shelf: Shelf) -> None:
    found = needed(config, shelf, "app")
    assert found.files == {APP.filename, BASE.filename}
    assert (set(found.projects), set(found.unmet)) == ({"app", "base"}, set())


def test_an_unmet_goal_is_named_with_its_environment(config: Config, shelf: Shelf) -> None:
    found = needed(config, shelf, "app>1", "base")
    assert found.unmet == {("app>1", "linux")}
    assert found.files == {BASE_2.filename}


def test_what_the_rules_reject_meets_no_goal_and_stays(config: Config, shelf: Shelf) -> None:
    goals = [goal("app", ["app"])]

    def admits(project: Project) -> list[File]:
        return [file for file in project.files if file.version != "1.0"]

    found = needed_files(config, shelf.state, shelf.directory, goals, admits)
    assert set(found.unmet) == {("app", "linux")}
    assert (set(found.files), set(found.projects)) == ({APP.filename, BASE.filename}, set())


@pytest.mark.parametrize("marker", ["sys_platform == 'Linux'", "python_version < '3'"])
def test_a_goal_that_applies_nowhere_keeps_what_it_had(
    config: Config, shelf: Shelf, marker: str
) -> None:
    found = needed(config, shelf, f"app ; {marker}")
    assert found.files == {APP.filename, BASE.filename}
    assert len(found.unmet) == 1
