"""Reader of the `packages` setting and of the files it names: requirements and goals."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from microrepo.config.declared_options import keys_of
from microrepo.config.load import named_file
from microrepo.config.schema import EVERYTHING, Config, Kind
from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement import Requirement, parse_requirements
from microrepo.formats.requirements.requirement_files import read_requirement_set
from microrepo.formats.requirements.requirement_set import RequirementSet
from microrepo.formats.requirements.requirements_txt import (
    decode,
    logical_lines,
    parse_constraints,
)
from microrepo.selection.resolver.goal_records import Goal, GoalKind, bare_goals
from microrepo.selection.rules.patterns import parse_patterns
from microrepo.selection.rules.policy import Policy, build_policy

if TYPE_CHECKING:
    from microrepo.selection.rules.plugin_rules import LoadedRule


_MAX_DEPTH = 20
_CHOSEN = re.compile(r"\s--(extra|group)(?:\s+|=)(\S+)$")


class Requests(Struct, frozen=True):
    """What a repository must hold, as the user put it.

    Attributes:
        requirements: of entries and files; None = the whole index.
        goals: the same for the closure: each bare requirement by itself, each file as one group.
        notes: what was passed over while reading files.
    """

    requirements: tuple[Requirement, ...] | None
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()


EVERYTHING_REQUESTED = Requests(None)


def read_requests(entries: Sequence[str], base: Path, *, build: bool = False) -> Requests:
    """Read requirement strings, files (``-r FILE``) and constraints (``-c FILE``).

    Args:
        entries: as in the `packages` setting; behind a project or lock file may follow
            ``--extra NAME`` and ``--group NAME``, ``all`` for each.
        base: directory that relative file names refer to.
        build: also ask for what building the named projects needs.

    Raises:
        ConfigError: a requirement or a file cannot be read or understood.
    """
    texts = [text for entry in entries if (text := entry.strip())]
    limits = [_constraints(base, text) for text in texts if text.startswith("-c")]
    constraints = tuple(one for limit in limits for one in limit.constraints)
    bare = parse_requirements(text for text in texts if not text.startswith(("-r", "-c")))
    goals = list(bare_goals(bare, constraints))
    notes = [note for limit in limits for note in limit.notes]
    for text in texts:
        if text.startswith("-r"):
            found = _file_goals(base, text, constraints, build=build)
            goals.extend(found.goals)
            notes.extend(found.notes)
    requirements = dict.fromkeys(
        one for goal in goals if goal.kind is not GoalKind.BUILD for one in goal.requirements
    )
    return Requests(tuple(requirements), tuple(goals), tuple(notes))


def requests_of(config: Config, base: Path, constraints: Sequence[str] = ()) -> Requests:
    """Return what the configuration asks for.

    Args:
        config: the settings.
        base: directory that relative file names refer to.
        constraints: further entries ``-c FILE``.

    Raises:
        ConfigError: it says nothing, or what it says cannot be read.
    """
    if config.packages == EVERYTHING:
        return EVERYTHING_REQUESTED
    if isinstance(config.packages, list):
        entries = [*config.packages, *constraints]
        return read_requests(entries, base, build=config.build_requirements)
    raise ConfigError(
        "nothing to mirror: name requirements on the command line, or set `packages` "
        'to a list of them (or to "everything") in the config file; `microrepo init` asks for them'
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
        raise ConfigError(f"{key}: {name}: files include each other more than {_MAX_DEPTH} deep")
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


def _file_goals(
    base: Path, entry: str, constraints: tuple[Requirement, ...], *, build: bool
) -> Requests:
    """Return the goals of a requirements file, lock file, pyproject.toml or script."""
    name, chosen = _file_entry(entry)
    path = base / name
    found = read_requirement_set(
        str(path), _read_file, extras=chosen["extra"], groups=chosen["group"], variables=os.environ
    )
    if not (found.requirements or (build and found.build_requirements)):
        raise ConfigError("; ".join((f"{path}: contains no requirements", *found.notes)))
    goal = Goal(
        path.name,
        found.requirements,
        (*found.constraints, *constraints),
        origin=f"-r {path}",
        formats=found.formats,
        prefer_binary=found.prefer_binary,
        prereleases=found.prereleases,
        requires_python=found.requires_python,
    )
    goals = [goal]
    if build and found.build_requirements:
        needed = msgspec.structs.replace(
            goal,
            name=f"build {path.name}",
            requirements=found.build_requirements,
            kind=GoalKind.BUILD,
        )
        goals.append(needed)
    return Requests((), tuple(goals), found.notes)


def _file_entry(entry: str) -> tuple[str, dict[str, list[str]]]:
    """Split ``-r FILE --extra NAME --group NAME`` into the file and what is chosen of it."""
    chosen: dict[str, list[str]] = {"extra": [], "group": []}
    text = entry[2:].strip()
    while match := _CHOSEN.search(text):
        chosen[match[1]].insert(0, match[2])
        text = text[: match.start()].strip()
    return text, chosen


def _constraints(base: Path, entry: str) -> RequirementSet:
    return parse_constraints(str(base / entry[2:].strip()), _read_file, os.environ)


def _read_file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from error
