"""What a repository is for: by the settings, and by what earlier runs recorded."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.operations.closure.target_records import (
    environments_of,
    options_of,
    record_environments,
    recorded_environments,
    says_nothing_of_targets,
)
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.goal_records import ResolveOptions
from tests.support.shelf import Shelf


def test_named_environments_are_the_targets(config: Config, linux: Environment) -> None:
    assert environments_of(config) == (linux,)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, True),
        ({"python_versions": ["3.12"]}, False),
        ({"platforms": ["win32"]}, False),
        ({"environments": {"x": "cp311-win_amd64"}}, False),
    ],
)
def test_settings_that_leave_it_to_the_running_python(
    flags: dict[str, object], expected: bool
) -> None:
    assert says_nothing_of_targets(load(None, flags, {}).config) is expected


def test_options_follow_the_settings(config: Config) -> None:
    changed = msgspec.structs.replace(config, resolve="latest", allow_urls=True, prereleases=True)
    assert options_of(changed) == ResolveOptions("latest", True, True)
    assert options_of(changed, "solve").mode == "solve"


def test_recorded_environments_come_back(shelf: Shelf, linux: Environment) -> None:
    assert recorded_environments(shelf.state) == ()
    with shelf.state.transaction():
        record_environments(shelf.state, (linux,))
    assert recorded_environments(shelf.state) == (linux,)


def test_a_record_of_something_else_says_nothing(shelf: Shelf) -> None:
    with shelf.state.transaction():
        shelf.state.set_meta("environments", '{"not": "a list"}')
    assert recorded_environments(shelf.state) == ()
