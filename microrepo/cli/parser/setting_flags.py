"""Flags of settings: one for each option of the configuration."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from typing import Any

from microrepo.cli.parser.command_parser import CommandParser
from microrepo.config.declared_options import Option, options
from microrepo.config.option_values import LIST_KINDS, parse_text
from microrepo.config.schema import Kind

_METAVARS = {
    Kind.NUMBER: "N",
    Kind.COUNT: "N",
    Kind.DAYS: "DAYS",
    Kind.SIZE: "SIZE",
    Kind.TEXT: "TEXT",
    Kind.PATH: "PATH",
    Kind.URL: "URL",
    Kind.NAMES: "LIST",
    Kind.WORDS: "LIST",
    Kind.REQUIREMENTS: "REQ",
    Kind.PATTERNS: "REQ",
    Kind.REGEXES: "REGEX",
    Kind.ENTRIES: "LIST|JSON",
    Kind.TABLE: "JSON",
    Kind.COMMAND: "COMMAND",
}
_PREFIX = "setting_"


class _Extend(argparse.Action):
    """Action of a list flag: one value each time, which may be a comma list.

    A word for everything, such as `all`, includes what earlier flags named.
    """

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        _option: str | None = None,
    ) -> None:
        earlier = getattr(namespace, self.dest, None)
        if isinstance(earlier, str):
            earlier = [earlier]  # a list after `all` has no effect: the settings refuse both
        if isinstance(earlier, list) and isinstance(values, list):
            values = [*earlier, *values]
        setattr(namespace, self.dest, values)


def add_settings(
    parser: CommandParser, only: Sequence[str] | None = None, *, basic: Sequence[str] | None = None
) -> None:
    """Add the flags of settings.

    Args:
        only: their keys; None for all.
        basic: keys that the short help shows; None for those that are declared as basic.
    """
    groups: dict[str, Any] = {}
    for option in options():
        if only is not None and option.key not in only:
            continue
        title = option.group.value if only is None else "settings"
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        shown = option.basic if basic is None else option.key in basic
        action = _add_flag(groups[title], option)
        parser.add_setting(action, _help(option, option.help), basic=shown or only is not None)


def _fragment(summary: str) -> str:
    is_name = summary[1:2].isupper() or summary.startswith(("Python", "E-mail", "PyPI"))
    return summary if is_name else summary[0].lower() + summary[1:]


def _help(option: Option, text: str) -> str:
    default = option.default_text
    if not default and option.default not in (None, [], {}, False):
        value = option.default
        default = "on" if value is True else value if isinstance(value, str) else json.dumps(value)
        if isinstance(value, list):
            default = ",".join(value)
    shown = f"{text} (default: {default})" if default else text
    return shown.replace("`", "").replace("%", "%%")


def _add_flag(group: Any, option: Option) -> argparse.Action:
    summary = option.summary
    about: dict[str, Any] = {
        "dest": _PREFIX + option.key,
        "help": _help(option, _fragment(summary)),
        "default": argparse.SUPPRESS,
    }
    if option.kind is Kind.SWITCH:
        about["action"] = argparse.BooleanOptionalAction
    elif option.kind is Kind.CHOICE:
        about["choices"] = option.choices
    else:
        about["metavar"] = _METAVARS[option.kind]
        about["type"] = _reader(option)
        if option.kind in LIST_KINDS:
            about["action"] = _Extend
    added: argparse.Action = group.add_argument(option.flag, **about)
    return added


def _reader(option: Option) -> Callable[[str], object]:
    def read(text: str) -> object:
        try:
            return parse_text(text, option)
        except (ValueError, RecursionError) as error:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {option.kind.value}") from error

    return read


def flags_of(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the settings that were given as flags, by key."""
    return {
        name.removeprefix(_PREFIX): value
        for name, value in vars(arguments).items()
        if name.startswith(_PREFIX)
    }
