"""Reader of the `packages` setting and the files that it names."""

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
from microrepo.selection.resolver.goal_records import Goal, GoalKind, bare_goals
from microrepo.selection.rules.patterns import parse_patterns
from microrepo.selection.rules.policy import Policy, build_policy

if TYPE_CHECKING:
    from microrepo.formats.requirements.requirement_set import RequirementSet
    from microrepo.selection.rules.plugin_rules import LoadedRule


_MAX_DEPTH = 20
_CHOSEN = re.compile(r"\s--(extra|group|only-group)(?:\s+|=)(\S+)$")


class Requests(Struct, frozen=True):
    """Requested contents of a repository.

    Attributes:
        requirements: requirements of entries and files; None for the whole index.
        goals: the same as goals: one per bare requirement, one per file.
        notes: what was skipped in the files.
    """

    requirements: tuple[Requirement, ...] | None
    goals: tuple[Goal, ...] = ()
    notes: tuple[str, ...] = ()


EVERYTHING_REQUESTED = Requests(None)


def read_requests(entries: Sequence[str], base: Path, *, build: bool = False) -> Requests:
    """Read requirement strings, files (``-r FILE``) and constraints (``-c FILE``).

    Args:
        entries: as in the `packages` setting; ``--extra NAME`` and ``--group NAME`` (or ``all``)
            can follow a project or lock file, ``--only-group NAME`` a project.
        base: directory that relative file names refer to.
        build: also request the build requirements of the named projects.

    Raises:
        ConfigError: a requirement or a file cannot be read or parsed.
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
    """Return the requests of the configuration.

    Args:
        base: directory that relative file names refer to.
        constraints: more entries ``-c FILE``.

    Raises:
        ConfigError: it names nothing, or a file cannot be read.
    """
    if config.packages == EVERYTHING:
        return EVERYTHING_REQUESTED
    if isinstance(config.packages, list):
        entries = [*config.packages, *constraints]
        found = read_requests(entries, base, build=config.build_requirements)
        if found.goals:
            return found
    raise ConfigError(
        "nothing to mirror: name requirements on the command line, or set `packages` "
        'to a list of them (or to "everything") in the config file; `microrepo init` asks for them'
    )


def policy_of(config: Config, requests: Requests) -> Policy:
    """Return the policy of a configuration, with files read and rules loaded.

    Raises:
        ConfigError: a setting is invalid, a file cannot be read, or a third-party rule cannot be
            loaded.
    """
    rules: tuple[LoadedRule, ...] = ()
    if config.rules:
        from microrepo.operations.run.plugin_loading import load_rules

        rules = load_rules(config.rules)
    return build_policy(with_lists_read(config), requests.requirements, rules)


def with_lists_read(config: Config) -> Config:
    """Return settings with each ``-r FILE`` in lists replaced by the lines of the file.

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
    """Return an entry, or the entries of the file that it names, recursively."""
    name = named_file(entry)
    if name is None:
        return [entry]
    from microrepo.formats.requirements.requirements_txt import decode, logical_lines

    if depth > _MAX_DEPTH:
        raise ConfigError(f"{key}: {name}: files include each other more than {_MAX_DEPTH} deep")
    path = Path(name)
    found = []
    for number, line in logical_lines(decode(_read_file(name), name)):
        inner = named_file(line)
        if inner is not None:
            found += _lines_of(f"-r {path.parent / inner}", key, depth + 1)
        else:
            # In files for installers, hashes and markers can follow a requirement.
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
    # The parsers of all formats: most runs read no file of requirements.
    from microrepo.formats.requirements.requirement_files import read_requirement_set

    name, chosen = _file_entry(entry)
    path = base / name
    if chosen["only-group"] and (chosen["extra"] or chosen["group"]):
        raise ConfigError(f"{path}: --only-group cannot be used with --extra or --group")
    found = read_requirement_set(
        str(path),
        _read_file,
        extras=chosen["extra"],
        groups=chosen["group"] or chosen["only-group"],
        alone=bool(chosen["only-group"]),
        variables=os.environ,
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
        requires_hashes=found.requires_hashes,
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
    """Split ``-r FILE --extra NAME --group NAME`` into the file and the selected parts."""
    chosen: dict[str, list[str]] = {"extra": [], "group": [], "only-group": []}
    text = entry[2:].strip()
    while match := _CHOSEN.search(text):
        chosen[match[1]].insert(0, match[2])
        text = text[: match.start()].strip()
    return text, chosen


def _constraints(base: Path, entry: str) -> RequirementSet:
    from microrepo.formats.requirements.requirements_txt import parse_constraints

    return parse_constraints(str(base / entry[2:].strip()), _read_file, os.environ)


def _read_file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from error
