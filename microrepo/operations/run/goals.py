"""From the `packages` setting to requirements and goals: files are read here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from microrepo.config.load import named_file
from microrepo.config.options import keys_of
from microrepo.config.schema import EVERYTHING, Config, Kind
from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirements_txt import decode, logical_lines
from microrepo.selection.rules.patterns import parse_patterns
from microrepo.selection.rules.policy import Policy, build_policy, parse_requirement

if TYPE_CHECKING:
    # The closure and its solver are loaded only where something is named: see `refresh`.
    from microrepo.selection.resolver.facts import Goal
    from microrepo.selection.rules.plugin_rules import LoadedRule


_MAX_DEPTH = 20


class Requests(Struct, frozen=True):
    """What a repository shall hold, as the user put it.

    Attributes:
        requirements: PEP 508 strings, files already read; None = the whole index.
        goals: the same for the closure: each bare requirement by itself, each file as one group.
        notes: what was passed over while reading files.
    """

    requirements: tuple[str, ...] | None
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()


EVERYTHING_REQUESTED = Requests(None)


def read_requests(entries: Sequence[str], base: Path) -> Requests:
    """Read requirement strings and `-r FILE` entries.

    Args:
        entries: as in the `packages` setting.
        base: directory that relative file names refer to.

    Raises:
        ConfigError: a requirement or a file cannot be read or understood.
    """
    from microrepo.selection.resolver.closure import requirement_goals

    bare = [entry.strip() for entry in entries if not entry.strip().startswith("-r")]
    for text in bare:
        parse_requirement(text)
    goals = list(requirement_goals(bare))
    requirements = list(bare)
    notes: list[str] = []
    for entry in entries:
        if entry.strip().startswith("-r"):
            goal, passed_over = read_group(base / entry.strip()[2:].strip())
            goals.append(goal)
            requirements.extend(goal.requirements)
            notes.extend(passed_over)
    return Requests(tuple(dict.fromkeys(requirements)), tuple(goals), tuple(notes))


def requests_of(config: Config, base: Path) -> Requests:
    """Return what the configuration asks for.

    Raises:
        ConfigError: it says nothing, or what it says cannot be read.
    """
    if config.packages == EVERYTHING:
        return EVERYTHING_REQUESTED
    if isinstance(config.packages, list):
        return read_requests(config.packages, base)
    raise ConfigError(
        "nothing says what to mirror: name requirements on the command line, or set `packages` "
        'to a list of them (or to "everything") in the config file; `microrepo init` asks for it'
    )


def policy_of(config: Config, requests: Requests) -> Policy:
    """Make the policy of a configuration: read the files that its lists name, load its rules.

    Raises:
        ConfigError: a setting cannot be understood, a file cannot be read, or a third-party rule
            cannot be loaded.
    """
    rules: tuple[LoadedRule, ...] = ()
    if config.rules:
        from microrepo.operations.run.plugin_loading import load_rules

        rules = load_rules(config.rules)
    return build_policy(with_lists_read(config), requests.requirements, rules)


def with_lists_read(config: Config) -> Config:
    """Return settings in whose lists the lines of files stand in place of ``-r FILE``.

    Raises:
        ConfigError: a file cannot be read.
    """
    read = {}
    for key in keys_of(Kind.PATTERNS):
        entries: list[str] = getattr(config, key)
        if any(named_file(entry) is not None for entry in entries):
            read[key] = [line for entry in entries for line in _lines_of(entry, key)]
    return msgspec.structs.replace(config, **read) if read else config


def _lines_of(entry: str, key: str, depth: int = 0) -> list[str]:
    """Return an entry, or the entries of the file that it names; files may name files."""
    name = named_file(entry)
    if name is None:
        return [entry]
    if depth > _MAX_DEPTH:
        raise ConfigError(f"{key}: {name}: files name each other more than {_MAX_DEPTH} deep")
    path = Path(name)
    found = []
    for number, line in logical_lines(decode(_read_file(name), name)):
        inner = named_file(line)
        if inner is not None:
            found += _lines_of(f"-r {path.parent / inner}", key, depth + 1)
        else:
            # Files that installers read may say hashes and markers behind a requirement.
            text = line if line.startswith("re:") else line.partition(" --")[0]
            try:
                parse_patterns([text], key)
            except ConfigError as error:
                raise ConfigError(f"{name}:{number}: {error}") from error
            found.append(text)
    return found


def read_group(path: Path) -> tuple[Goal, tuple[str, ...]]:
    """Read a requirements file, lock file, pyproject.toml or script as one goal.

    Returns:
        The goal, and notes on what was passed over.

    Raises:
        ConfigError: the file cannot be read or understood.
    """
    from microrepo.formats.requirements.requirement_files import read_requirements
    from microrepo.selection.resolver.facts import Goal

    found = read_requirements(str(path), _read_file)
    goal = Goal(
        path.name,
        found.requirements,
        found.constraints,
        origin=f"-r {path}",
        hashes=found.hashes,
        requires_python=found.requires_python,
    )
    return goal, found.notes


def _read_file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from error
