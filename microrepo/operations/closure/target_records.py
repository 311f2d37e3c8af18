"""Target environments of a repository, from the settings or recorded by earlier runs."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from microrepo.config.schema import ALL, RUNNING_PYTHON, Config
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.targets import running_environment, target_environments
from microrepo.selection.resolver.goal_records import Mode, ResolveOptions
from microrepo.standalone.describe_python import describe
from microrepo.state import State

_KEY = "environments"  # of `meta`


def environments_of(config: Config) -> tuple[Environment, ...]:
    """Return the environments: those named, else Pythons on platforms, else the running Python.

    Raises:
        ConfigError: a word is unknown, or the settings contradict each other.
    """
    return target_environments(
        config.environments,
        config.python_versions,
        config.platforms,
        config.exclude_platforms,
        describe(),
    )


def says_nothing_of_targets(config: Config) -> bool:
    """Return whether the settings name no target, so that the running Python is used."""
    default = config.python_versions == RUNNING_PYTHON and config.platforms == ALL
    return default and not config.environments


def known_environments(config: Config, state: State) -> tuple[Environment, ...]:
    """Return the environments of the settings; without any, those recorded for the repository.

    Raises:
        ConfigError: as for `environments_of`.
    """
    recorded = recorded_environments(state) if says_nothing_of_targets(config) else ()
    return recorded or environments_of(config)


def are_of_this_machine(names: Iterable[str]) -> bool:
    """Return whether environments, by their names, are Pythons on the platform of this machine."""
    here = running_environment(describe()).name.partition("-")[2]
    return all(name.partition("-")[2] == here for name in names)


def options_of(config: Config, mode: Mode | None = None) -> ResolveOptions:
    """Return the resolver options of the settings."""
    return ResolveOptions(mode or config.resolve, config.allow_urls, config.prereleases)


def record_environments(state: State, environments: tuple[Environment, ...]) -> None:
    """Record the environments of the repository, in the caller's transaction."""
    state.set_meta(_KEY, msgspec.json.encode(environments).decode())


def recorded_environments(state: State) -> tuple[Environment, ...]:
    """Return the environments of the last closure, none without one."""
    text = state.meta(_KEY)
    try:
        return msgspec.json.decode(text or "[]", type=tuple[Environment, ...])
    except msgspec.MsgspecError:
        return ()
