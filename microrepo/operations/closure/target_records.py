"""Targets of a repository: what the settings say of them, and what earlier runs recorded."""

from __future__ import annotations

import msgspec

from microrepo.config.schema import ALL, RUNNING_PYTHON, Config
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.targets import target_environments
from microrepo.selection.resolver.goal_records import Mode, ResolveOptions
from microrepo.standalone.describe_python import describe
from microrepo.state import State

_KEY = "environments"  # of `meta`


def environments_of(config: Config) -> tuple[Environment, ...]:
    """Return the environments of the settings: named ones, else Pythons on platforms, else here.

    Raises:
        ConfigError: a word names nothing, or the settings contradict each other.
    """
    return target_environments(
        config.environments,
        config.python_versions,
        config.platforms,
        config.exclude_platforms,
        describe(),
    )


def says_nothing_of_targets(config: Config) -> bool:
    """Return whether the settings leave it to the running Python what files are for."""
    default = config.python_versions == RUNNING_PYTHON and config.platforms == ALL
    return default and not config.environments


def options_of(config: Config, mode: Mode | None = None) -> ResolveOptions:
    """Return how the settings resolve dependencies."""
    return ResolveOptions(mode or config.resolve, config.allow_urls, config.prereleases)


def record_environments(state: State, environments: tuple[Environment, ...]) -> None:
    """Note the environments that the repository is for; in a transaction of the caller."""
    state.set_meta(_KEY, msgspec.json.encode(environments).decode())


def recorded_environments(state: State) -> tuple[Environment, ...]:
    """Return the environments that the last closure was for, none where there was none."""
    text = state.meta(_KEY)
    try:
        return msgspec.json.decode(text or "[]", type=tuple[Environment, ...])
    except msgspec.MsgspecError:
        return ()
