"""Requirement sets from any file that holds requirements; its name tells the format."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from microrepo.errors import ConfigError
from microrepo.formats.requirements.pylock import parse_pylock
from microrepo.formats.requirements.pyproject import parse_pyproject
from microrepo.formats.requirements.requirement_set import Reader, RequirementSet
from microrepo.formats.requirements.requirements_txt import parse_requirements_txt
from microrepo.formats.requirements.script_metadata import parse_script
from microrepo.formats.requirements.uv_lock import parse_uv_lock

_PYLOCK = re.compile(r"pylock(\.[^.]+)?\.toml")
_FOREIGN_LOCKS = {
    "poetry.lock": "run `poetry export`",
    "pipfile.lock": "run `pipenv requirements`",
    "pdm.lock": "run `pdm export --format pylock`",
}
_BY_NAME = {"pyproject.toml": parse_pyproject, "uv.lock": parse_uv_lock}


def read_requirement_set(
    name: str,
    read: Reader,
    *,
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
    alone: bool = False,
    variables: Mapping[str, str] | None = None,
) -> RequirementSet:
    """Return the requirement set of a file.

    Args:
        read: returns the bytes of a path.
        extras: optional dependencies to add, or ``all`` (projects and lock files).
        groups: dependency groups to add, or ``all``.
        alone: take only the groups (of a project).
        variables: the environment, for ``${NAME}`` in requirements files.

    Raises:
        ConfigError: the file is wrong, or its format is not supported; the message says what to do.
    """
    base = PurePosixPath(name).name.lower()
    if base in _FOREIGN_LOCKS:
        raise ConfigError(
            f"{name}: this format is not supported; {_FOREIGN_LOCKS[base]} and name its output"
        )
    if alone and base != "pyproject.toml":
        raise ConfigError(f"{name}: only pyproject.toml has groups that --only-group can name")
    if alone:
        return parse_pyproject(read(name), name, extras=extras, groups=groups, alone=True)
    parse = parse_pylock if _PYLOCK.fullmatch(base) else _BY_NAME.get(base)
    if parse is not None:
        return parse(read(name), name, extras=extras, groups=groups)
    if extras or groups:
        raise ConfigError(f"{name}: only pyproject.toml and lock files have extras and groups")
    if base.endswith((".py", ".pyw")):
        return parse_script(read(name), name)
    return parse_requirements_txt(name, read, variables or {})
