"""Parsers of the answers of a first run: text in, config values out."""

from __future__ import annotations

import os
import re
from pathlib import Path

from msgspec import Struct
from packaging.requirements import InvalidRequirement

from microrepo.config.load import expand
from microrepo.config.schema import ALL, EVERYTHING
from microrepo.errors import ConfigError
from microrepo.formats.specifiers import strict_requirement
from microrepo.operations.run.goals import read_requests
from microrepo.selection.environments.python_versions import parse_python_words

MAX_PROCESSES = 256
# PyPI in 2026: projects with at least one release, and the bytes of all their files.
PYPI_PROJECTS = 736_000
PYPI_BYTES = 100e12
# Assumed for the newest release of a project: the sdist and the wheels that one Python can use, on
# all platforms, and their mean size. A few projects with huge wheels make up most of the total of
# all versions; the mean over all projects is far smaller. Good for the order of magnitude only.
FILES_PER_PROJECT = 2.5
MEAN_FILE_BYTES = 1e6
# Each project's document is asked for once, at the default `requests_per_second`.
DOCUMENTS_PER_S = 20
# The line that the estimate assumes: 100 Mbit/s.
LINE_BYTES_PER_S = 12.5e6

_QUOTED = re.compile(r"(['\"])(.*)\1\Z", re.DOTALL)
_FILE_OPTION = re.compile(r"(?:\A|\s)(?:-r|--requirement)(?:\s+|=|\Z)")
_AROUND_OPERATOR = re.compile(r"\s*(,(?=\s*[<>=!~])|[<>=!~]=?=?)\s*")
_BETWEEN_NAMES = re.compile(r"[\s,]+(?![<>=!~])(?![^\[\]]*\])")


class Estimate(Struct, frozen=True):
    """What mirroring a whole index would take.

    Attributes:
        projects: projects in the index.
        all_bytes: all files of all versions.
        selected_bytes: the newest release of each project, for one Python.
        hours: for `selected_bytes` and all documents, on a line of `line_bytes_per_s`.
        line_bytes_per_s: what `hours` assumes.
    """

    projects: int
    all_bytes: float
    selected_bytes: float
    hours: float
    line_bytes_per_s: float


def estimate_everything(line_bytes_per_s: float = LINE_BYTES_PER_S) -> Estimate:
    """Estimate a mirror of all of PyPI from the constants of this module."""
    selected_bytes = PYPI_PROJECTS * FILES_PER_PROJECT * MEAN_FILE_BYTES
    seconds = selected_bytes / line_bytes_per_s + PYPI_PROJECTS / DOCUMENTS_PER_S
    return Estimate(PYPI_PROJECTS, PYPI_BYTES, selected_bytes, seconds / 3600, line_bytes_per_s)


def parse_repository(text: str, base: Path, home: Path) -> str:
    """Return the `repository` setting for a typed directory.

    `~` and `$VAR` stay as typed, so that the file can move to another account; other relative
    paths are made absolute, because the config file means them relative to itself.

    Args:
        text: what was typed; a pair of quotes around it is dropped.
        base: the directory that relative paths are relative to.
        home: the home directory, which is refused.

    Raises:
        ConfigError: not a directory that can become a repository.
    """
    text = _unquote(text.strip())
    if not text or not text.isprintable():
        raise ConfigError("write the path of a directory")
    path = expand(text, base)
    if "$" in str(path):
        raise ConfigError(f"{text}: a variable in this path is not set")
    refuse_directory(path, home)
    return text if text[0] in "~$" else os.path.normpath(path)


def refuse_directory(path: Path, home: Path) -> None:
    """Raise ConfigError if a directory must not become a repository.

    Raises:
        ConfigError: a home directory, the root, a source checkout, a file, a directory without
            write permission.
    """
    place = path.resolve()
    if place in {home.resolve(), Path(place.anchor)}:
        raise ConfigError(f"{path}: too general; choose a separate directory, such as ~/microrepo")
    if place.exists() and not place.is_dir():
        raise ConfigError(f"{path}: is not a directory")
    for mark in (".git", "setup.py"):
        if (place / mark).exists():
            raise ConfigError(
                f"{path}: contains {mark}, so it is a source tree; choose another directory"
            )
    existing = next(p for p in (place, *place.parents) if p.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise ConfigError(f"{path}: no permission to write to {existing}")


def parse_packages(text: str, base: Path) -> list[str] | str:
    """Return the `packages` setting for what was typed.

    Requirements are separated by spaces or commas (`flask, numpy>=1.26,<3`); `-r FILE`, or the path
    of an existing file, is a requirements file; `everything` is the whole index.

    Raises:
        ConfigError: nothing, not a requirement (PEP 508), or a file that cannot be read.
    """
    text = text.strip()
    if text == EVERYTHING:
        return EVERYTHING
    if not text:
        raise ConfigError("name at least one project, a requirements file, or type: everything")
    typed = _unquote(text)
    if not typed.startswith("-") and _is_file(expand(typed, base)):
        return [requirements_file(typed, base)]
    names, *files = _FILE_OPTION.split(text)
    found = [parse_requirement(word) for word in split_names(names)]
    return found + [requirements_file(_unquote(file.strip()), base) for file in files]


def split_names(text: str) -> list[str]:
    """Split requirements at spaces or commas, but not at the commas of a specifier."""
    # Drop quotes, a habit from the shell; only markers need them, which are refused here.
    joined = _AROUND_OPERATOR.sub(r"\1", text.translate({ord(quote): " " for quote in "'\""}))
    return [word for word in _BETWEEN_NAMES.split(joined) if word]


def parse_requirement(word: str) -> str:
    """Return the requirement string, checked.

    Raises:
        ConfigError: not a requirement by PEP 508, or a word that probably means something else.
    """
    if word.lower() in {EVERYTHING, "all", "*"}:
        raise ConfigError(
            f"{word!r} is not a requirement. For the whole index type everything, and nothing else; "
            "put a project of that name in a requirements file."
        )
    if word.lower().endswith((".txt", ".in")):
        raise ConfigError(f"{word}: file not found")
    try:
        strict_requirement(word)
    except InvalidRequirement as error:
        raise ConfigError(
            f"{word!r} is not a requirement such as flask or numpy>=1.26,<3. Put markers and URLs in "
            "a requirements file."
        ) from error
    return word


def requirements_file(text: str, base: Path) -> str:
    """Return the `-r FILE` entry for a requirements file, with its absolute path.

    Raises:
        ConfigError: the file does not exist, or yields no requirement.
    """
    path = expand(text, base)
    if not text or not _is_file(path):
        raise ConfigError(f"{text or '-r'}: requirements file not found")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{text}: cannot be read: {error}") from error
    if not any(line.strip() and not line.strip().startswith("#") for line in lines):
        raise ConfigError(f"{text}: this requirements file is empty")
    entry = f"-r {os.path.normpath(path)}"
    read_requests([entry], base, build=True)
    return entry


def parse_pythons(text: str) -> list[str] | str:
    """Return the `python_versions` setting for what was typed.

    Raises:
        ConfigError: a word that is not a Python version.
    """
    words = text.replace(",", " ").split()
    if words == [ALL]:
        return ALL
    understood = parse_python_words(words)
    if understood.unknown:
        raise ConfigError(
            f"{understood.unknown[0]!r} is not a Python version; write 3.11 or cp311, or all"
        )
    if not understood.targets:
        raise ConfigError("name at least one Python, such as 3.11, or all")
    return words


def parse_processes(text: str) -> int:
    """Return the `processes` setting for what was typed.

    Raises:
        ConfigError: not a number from 1 to `MAX_PROCESSES`.
    """
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MAX_PROCESSES):
        raise ConfigError(f"{text!r} is not a number from 1 to {MAX_PROCESSES}")
    return int(text)


def parse_yes(text: str, *, default: bool) -> bool:
    """Return whether a question was answered with yes.

    Raises:
        ConfigError: neither yes nor no.
    """
    word = text.strip().lower()
    if word in {"y", "yes"}:
        return True
    if word in {"n", "no"}:
        return False
    if not word:
        return default
    raise ConfigError("answer yes or no")


def _unquote(text: str) -> str:
    match = _QUOTED.match(text)
    return match[2] if match else text


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        # Too long for a path, or a null character: requirements, then.
        return False
