"""One flag for each option of the configuration."""

from __future__ import annotations

import argparse
import functools
import json
import shlex
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from microrepo.config.schema import PATTERN_KEYS, REGEX_KEYS, Option, options

_COMMA_KEYS = frozenset(
    {
        *("package_types", "extensions", "python_versions", "platforms"),
        *("exclude_platforms", "requires_python"),
    }
)
_LIST_OR_JSON_KEYS = frozenset({"environments", "sources", "rules"})
_REPEATED_KEYS = frozenset({"packages", *PATTERN_KEYS, *REGEX_KEYS})
_NUMBER_KEYS = frozenset(
    {
        *("processes", "connections", "min_age_days", "requests_per_second", "timeout_s"),
        *("retries", "min_versions", "max_versions", "hook_timeout_s"),
    }
)
_BOOLEAN_KEYS = frozenset(
    {
        "dependencies",
        "build_requirements",
        "allow_urls",
        "keep_stable",
        "prereleases",
        "yanked",
        "prune",
        "simple",
        "server",
        "browse",
        "allow_http",
        "require_digests",
        "file_host_fallback",
        "change_list_history",
        "files",
    }
)


def add_config_flags(parser: argparse.ArgumentParser, only: Sequence[str] | None = None) -> None:
    """Add one flag for each option of the configuration (or for those in `only`)."""
    group = parser.add_argument_group("settings (each also a key of the config file)")
    for option in options():
        if only is None or option.key in only:
            _add_flag(group, option)


def _add_flag(group: Any, option: Option) -> None:
    name = "--" + option.key.replace("_", "-")
    about: dict[str, Any] = {
        "dest": f"setting_{option.key}",
        "help": option.help.replace("%", "%%"),
        "default": argparse.SUPPRESS,
    }
    if option.key in _BOOLEAN_KEYS:
        group.add_argument(name, action=argparse.BooleanOptionalAction, **about)
    elif option.key in _REPEATED_KEYS:
        group.add_argument(name, nargs="+", action="extend", metavar="REQ", **about)
    elif option.key in _COMMA_KEYS:
        group.add_argument(name, metavar="LIST", type=_comma_list, **about)
    elif option.key in _NUMBER_KEYS:
        group.add_argument(name, metavar="N", type=_number, **about)
    elif option.key == "hook":
        group.add_argument(name, metavar="COMMAND", type=_words, **about)
    elif option.key == "metadata":
        group.add_argument(name, metavar="JSON", type=_json_object, **about)
    elif option.key in _LIST_OR_JSON_KEYS:
        group.add_argument(name, metavar="LIST|JSON", type=_list_or_json, **about)
    else:
        group.add_argument(name, metavar=option.key.upper(), type=_plain, **about)


def _comma_list(text: str) -> list[str] | str:
    if text == "all":
        return text
    return [part.strip() for part in text.split(",") if part.strip()]


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() else value


def _words(text: str) -> list[str]:
    """Read a command as one text, as a shell would split it, or as a JSON list."""
    if text.startswith("["):
        reader: Callable[[str], list[str]] = functools.partial(msgspec.json.decode, type=list[str])
    else:
        reader = shlex.split
    try:
        return reader(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from error


def _plain(text: str) -> str | int:
    """Sizes, counts and words: a bare number is a number in the config file as well."""
    return int(text) if text.isdigit() else text


def _json_object(text: str) -> object:
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from error
    return value


def _list_or_json(text: str) -> object:
    if text.lstrip().startswith(("{", "[")):
        return _json_object(text)
    return [part.strip() for part in text.split(",") if part.strip()]


def flags_of(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the settings that were given as flags, by key."""
    found = {}
    for name, value in vars(arguments).items():
        if name.startswith("setting_"):
            key = name.removeprefix("setting_")
            if key == "packages" and value == ["everything"]:
                value = "everything"  # noqa: PLW2901 - the word stands for itself
            found[key] = value
    return found
