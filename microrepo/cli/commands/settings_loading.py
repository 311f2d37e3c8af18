"""Settings and requirements of a command, and the way its result is shown."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from microrepo.cli import progress_bars, terminal
from microrepo.cli.parser.setting_flags import flags_of
from microrepo.config.load import Loaded, find_config, load
from microrepo.config.variable_names import misspelt_variables
from microrepo.errors import ConfigError
from microrepo.reporting import Reporter

if TYPE_CHECKING:
    from microrepo.operations.run.goals import Requests

_REPOSITORY_MARK = Path(".microrepo", "state.db")


class _Reported(Protocol):
    """The part of a report that is needed here."""

    @property
    def exit_code(self) -> int: ...
    @property
    def refused(self) -> str: ...


_Report = TypeVar("_Report", bound=_Reported)


def load_settings(
    arguments: argparse.Namespace,
    *,
    needed: bool = False,
    whole: bool = False,
    profile: str | None = None,
) -> Loaded:
    """Return the settings: config file, environment and flags.

    If nothing names a repository and the working directory is one, it is used.

    Args:
        needed: a missing config file is an error.
        whole: the command is about all profiles of a config file.
        profile: profile of the config file; default: the one that the command line names.

    Raises:
        ConfigError: a named file is missing, or settings are invalid.
    """
    if profile is None:
        for wrong, right in misspelt_variables(os.environ):
            terminal.warn(f"the variable {wrong} is not read; did you mean {right}?")
    path = find_config(arguments.config, os.environ)
    named = arguments.config or os.environ.get("MICROREPO_CONFIG")
    flags = flags_of(arguments)
    profile = profile or arguments.profile
    if not path.is_file():
        if named or needed or profile:
            raise ConfigError(f"{path}: config file not found. Run `microrepo init` to write one.")
        return _in_repository(load(None, flags, os.environ), flags)
    loaded = load(path, flags, os.environ, profile)
    if loaded.config.profiles and not (profile or whole):
        _refuse_all_profiles(loaded)
    return _in_repository(loaded, flags)


def _refuse_all_profiles(loaded: Loaded) -> None:
    """Raise ConfigError if nothing says which of several repositories is meant."""
    if loaded.origins["repository"] not in {"default", str(loaded.path)}:
        return  # named by a flag or a variable
    raise ConfigError(
        f"{loaded.path} has profiles; choose one with --profile: "
        f"{', '.join(loaded.config.profiles)}"
    )


def _in_repository(loaded: Loaded, flags: dict[str, object]) -> Loaded:
    if loaded.origins["repository"] == "default" and _REPOSITORY_MARK.is_file():
        return load(loaded.path, {**flags, "repository": "."}, os.environ)
    return loaded


def requests_from(loaded: Loaded, arguments: argparse.Namespace | None = None) -> Requests:
    """Return what is requested: on the command line, else by the settings.

    Args:
        arguments: the command line; its files are relative to the working directory.

    Raises:
        ConfigError: a requirement or a file cannot be read.
    """
    from microrepo.operations.run.goals import read_requests, requests_of

    _refuse_contradiction(loaded)
    words: list[str] = getattr(arguments, "requirements", [])
    files: list[str] = getattr(arguments, "requirement", [])
    named = [*getattr(arguments, "constraint", []), *os.environ.get("PIP_CONSTRAINT", "").split()]
    limits = [f"-c {Path(name).absolute()}" for name in named]
    chosen = "".join(
        f" --{kind.replace('_', '-')} {name}"
        for kind in ("extra", "group", "only_group")
        for name in getattr(arguments, kind, [])
    )
    if chosen and not files:
        raise ConfigError(
            "--extra, --group and --only-group need a file, such as -r pyproject.toml"
        )
    if words or files:
        refuse_words_for_all(words, "--packages everything")
        entries = [*words, *limits, *(f"-r {name}{chosen}" for name in files)]
        return read_requests(entries, Path.cwd(), build=loaded.config.build_requirements)
    return requests_of(loaded.config, loaded.base, limits)


def _refuse_contradiction(loaded: Loaded) -> None:
    """Raise ConfigError if `python_versions` was set and lacks the Python of an environment."""
    config = loaded.config
    if config.environments and loaded.origins["python_versions"] != "default":
        from microrepo.selection.environments.presets import parse_environments
        from microrepo.selection.environments.targets import refuse_unlisted_pythons

        refuse_unlisted_pythons(parse_environments(config.environments), config.python_versions)


def refuse_words_for_all(words: Iterable[str], instead: str) -> None:
    """Raise ConfigError if a word for everything is among requirements.

    Args:
        words: of the command line.
        instead: the option that means everything.
    """
    for word in words:
        if word.strip().lower() in {"everything", "all", "*"}:
            raise ConfigError(
                f"'{word}' is not a requirement. For the whole index use {instead}; "
                "put a project of that name in a requirements file."
            )


def requests_or_everything(loaded: Loaded) -> Requests:
    """Return what the settings request; the whole index if they request nothing.

    Raises:
        ConfigError: a requirement or a file cannot be read.
    """
    from microrepo.operations.run.goals import EVERYTHING_REQUESTED

    return requests_from(loaded) if loaded.config.packages else EVERYTHING_REQUESTED


@contextlib.contextmanager
def reporting(arguments: argparse.Namespace) -> Iterator[Reporter]:
    """Yield the reporter that the global options choose."""
    with progress_bars.reporting(
        quiet=arguments.quiet, no_progress=arguments.no_progress
    ) as reporter:
        yield reporter


def show_report(
    arguments: argparse.Namespace, report: _Report, text: Callable[[_Report], str]
) -> int:
    """Show the result of a run, and return its exit code."""
    if arguments.json:
        terminal.write_json(report)
    elif not arguments.quiet:
        terminal.write_out(text(report))
    if report.refused and (arguments.quiet or arguments.json):
        terminal.fail(report.refused)
    return report.exit_code
