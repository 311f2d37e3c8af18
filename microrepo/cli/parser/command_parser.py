"""Argument parser with short and full help, suggestions, and flags between arguments."""

from __future__ import annotations

import argparse
import copy
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from microrepo.cli import terminal
from microrepo.exit_codes import ExitCode
from microrepo.suggestions import nearest

GLOBAL_TITLE = "global options"
_NO_VALUE = re.compile(r"argument (\S+): expected one argument\Z")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Formatter that keeps one option to a line or two."""

    def __init__(self, prog: str) -> None:
        import shutil  # argparse loads it as late

        width = max(60, min(shutil.get_terminal_size().columns, 110) - 2)
        super().__init__(prog, max_help_position=34, width=width)


class FullHelpAction(argparse.Action):
    """Action of ``--help-all``: print every option with its whole help, and exit."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        """Print the help."""
        assert isinstance(parser, CommandParser)  # noqa: S101 - narrows the type
        terminal.write_out(parser.full_help())
        raise SystemExit(ExitCode.DONE)


class CommandParser(argparse.ArgumentParser):
    """Parser of one command, or of the program."""

    _inside = False

    def __init__(self, *args: Any, **about: Any) -> None:
        about.setdefault("formatter_class", HelpFormatter)
        about.setdefault("allow_abbrev", False)
        super().__init__(*args, **about)
        self.rare: dict[argparse.Action, str] = {}
        self.full_texts: dict[argparse.Action, str] = {}
        self._postponed: Callable[[CommandParser], None] | None = None

    def postpone(self, add_arguments: Callable[[CommandParser], None]) -> None:
        """Have arguments added when the parser is first used."""
        self._postponed = add_arguments

    def complete(self) -> None:
        """Add the arguments that were postponed."""
        add_arguments, self._postponed = self._postponed, None
        if add_arguments is not None:
            add_arguments(self)

    def add_setting(self, action: argparse.Action, full: str, *, basic: bool) -> None:
        """Record the whole help of an option, and whether the short help leaves it out."""
        self.full_texts[action] = full
        if not basic:
            self.rare[action] = full

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Parse arguments between flags too: ``refresh flask --dry-run numpy``."""
        self.complete()
        if self._inside or self._subparsers is not None:  # older Pythons also call it recursively
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse the command line; exit with a usage error on what is left over."""
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            command: CommandParser = getattr(found, "command_parser", self)
            command.refuse(rest[0])
        return found

    def refuse(self, argument: str) -> NoReturn:
        """Exit with a usage error about an argument that the command does not take."""
        if argument.startswith("-"):
            name = argument.partition("=")[0]
            hint = did_you_mean(name, self._option_string_actions)
            self.fail(f"unknown option '{name}'", hint or "--help-all lists all options")
        self.fail(
            f"unexpected argument '{argument}'",
            "an option takes one value; repeat it, or separate values with commas",
        )

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        name = "/".join(action.option_strings)
        if not name:
            what = f"unknown command '{value}'"
            hint = did_you_mean(str(value), choices)
            self.fail(what, hint or f"choose from {', '.join(choices)}")
        listed = f"choose from {', '.join(choices)}"
        near = did_you_mean(str(value), choices)
        self.fail(f"{name}: '{value}' is not a choice", f"{near} {listed}" if near else listed)

    def error(self, message: str) -> NoReturn:
        """Exit with a usage error."""
        missing = _NO_VALUE.match(message)
        if missing:
            option = max(missing[1].split("/"), key=len)
            hint = f'a value that begins with a dash follows "=": {option}="-..."'
            self.fail(f"{option}: needs a value", hint)
        self.fail(message)

    def fail(self, what: str, hint: str = "") -> NoReturn:
        """Exit with a usage error: what is wrong, a hint, where the help is."""
        terminal.usage_error(what, hint, self.prog)
        raise SystemExit(ExitCode.USAGE)

    def _print_message(self, message: str, file: object = None) -> None:
        del file  # only help and version come here
        terminal.write_out(message)

    def format_help(self) -> str:
        """Return the short help."""
        text = self._help(set(self.rare), {})
        if self.rare:
            text += "\nEvery setting is an option too: --help-all shows all of them.\n"
        return text

    def full_help(self) -> str:
        """Return the help with all options and their whole texts."""
        return self._help(set(), self.full_texts)

    def _help(self, hidden: set[argparse.Action], texts: dict[argparse.Action, str]) -> str:
        formatter = self._get_formatter()
        positionals = [action for action in self._actions if not action.option_strings]
        formatter.add_usage(f"{self.prog} [OPTIONS]{_usage(positionals)}", (), ())
        formatter.add_text(self.description)
        for group in self._action_groups:
            actions = group._group_actions  # noqa: SLF001 - argparse offers nothing else
            shown = [action for action in actions if action not in hidden]
            if shown:
                formatter.start_section(group.title)
                formatter.add_text(group.description)
                formatter.add_arguments([_with_help(action, texts) for action in shown])
                formatter.end_section()
        formatter.add_text(self.epilog)
        return formatter.format_help()


def _usage(positionals: Iterable[argparse.Action]) -> str:
    words = []
    for action in positionals:
        name = str(action.metavar or action.dest)
        forms = {"*": f"[{name}...]", "+": f"{name}...", "?": f"[{name}]"}
        # While arguments are parsed between flags, argparse keeps the number of values aside.
        words.append(forms.get(str(getattr(action, "save_nargs", action.nargs)), name))
    return "".join(f" {word}" for word in words)


def _with_help(action: argparse.Action, texts: dict[argparse.Action, str]) -> argparse.Action:
    if action not in texts:
        return action
    shown = copy.copy(action)
    shown.help = texts[action]
    return shown


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return a suggestion of the nearest word, or "" if none is near."""
    near = nearest(word, words)
    return f"did you mean '{near}'?" if near else ""
