"""Writer of config files, and the settings of `init --yes`."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from microrepo.cli.prompt.answer_parsers import (
    parse_repository,
    parse_requirement,
    requirements_file,
)
from microrepo.config.load import convert, resolve
from microrepo.config.schema import EVERYTHING, Config
from microrepo.errors import ConfigError
from microrepo.operations.closure.target_records import environments_of
from microrepo.selection.rules.policy import check_words
from microrepo.stores.atomic_write import write_atomically

PUBLIC_MODE = 0o644
SECRET_MODE = 0o600
_CREDENTIALS = re.compile(r"://[^/?#\s]*@")


class Defaults(Struct, frozen=True):
    """Default answers, and what answers are relative to.

    Attributes:
        config_path: the file to be written.
        repository: directory of the repository, as in the file.
        python: Python versions, comma-separated.
        processes: number of worker processes.
        base: what relative paths are relative to.
        home: the home directory.
        before: settings of an existing file, which stay unless they are named.
    """

    config_path: Path
    repository: str
    python: str
    processes: int
    base: Path
    home: Path
    before: Mapping[str, object] = {}


def defaults_here(config_path: Path, before: Mapping[str, object] | None = None) -> Defaults:
    """Return the defaults of this machine and this Python, or those of an existing file."""
    standard = {
        "repository": Config().repository,
        "python_versions": [f"{sys.version_info.major}.{sys.version_info.minor}"],
        "processes": os.cpu_count() or 1,
    }
    if before is not None:
        convert(before, str(config_path))
    config = convert({**standard, **(before or {})}, str(config_path))
    pythons = config.python_versions or ()
    return Defaults(
        config_path=config_path,
        repository=config.repository,
        python=pythons if isinstance(pythons, str) else ",".join(pythons),
        processes=config.processes or 1,
        base=Path.cwd(),
        home=Path.home(),
        before=before or {},
    )


def values_from_flags(
    defaults: Defaults,
    packages: Sequence[str] = (),
    files: Sequence[str] = (),
    *,
    everything: bool = False,
    others: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Return the config values of `init --yes`.

    Args:
        defaults: values that no flag names.
        packages: requirement strings, or `-r FILE`.
        everything: mirror the whole index.
        others: further keys, from their own flags.

    Raises:
        ConfigError: nothing or too much to mirror, or a value that is wrong.
    """
    values: dict[str, object] = {
        "repository": defaults.repository,
        "packages": None,
        "python_versions": [defaults.python],
        "processes": defaults.processes,
    }
    if defaults.before:
        values = dict(defaults.before)
    values.update(others or {})
    if everything or packages or files or not values.get("packages"):
        values["packages"] = _packages(defaults.base, packages, files, everything=everything)
    config = convert(values, "the settings")
    if "repository" in (others or {}) or not defaults.before:
        values["repository"] = parse_repository(config.repository, defaults.base, defaults.home)
    return values


def _packages(
    base: Path, packages: Sequence[str], files: Sequence[str], *, everything: bool
) -> list[str] | str:
    if everything and (packages or files):
        raise ConfigError("--everything cannot be combined with named packages")
    if everything:
        return EVERYTHING
    if not packages and not files:
        raise ConfigError("nothing to mirror; add --packages NAME, -r FILE, or --everything")
    found = []
    for word in packages:
        is_file = word.startswith("-r")
        found.append(
            requirements_file(word[2:].strip(), base) if is_file else parse_requirement(word)
        )
    return found + [requirements_file(file, base) for file in files]


def config_text(values: Mapping[str, object]) -> str:
    """Return the JSON text of a config file."""
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def write_config(path: Path, values: Mapping[str, object], *, overwrite: bool = False) -> None:
    """Write a config file atomically.

    Only its owner may read a file with a password in it (in a proxy's URL, say).

    Raises:
        ConfigError: the values are invalid, the file exists, or it cannot be written.
    """
    config = resolve(convert(values, str(path)), lambda _: path.absolute().parent)
    check_words(config)
    if config.dependencies:
        environments_of(config)
    text = config_text(values)
    mode = SECRET_MODE if _CREDENTIALS.search(text) else PUBLIC_MODE
    try:
        write_atomically(path, text.encode(), mode, overwrite=overwrite)
    except FileExistsError as error:
        raise ConfigError(
            f"{path}: already exists and is not overwritten. Edit it, or name another file with "
            "--config."
        ) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
