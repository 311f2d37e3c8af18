"""Dialogue of a first run: a few questions that make a config file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from microrepo.cli import terminal
from microrepo.cli.prompt.answer_parsers import (
    Estimate,
    estimate_everything,
    parse_packages,
    parse_processes,
    parse_pythons,
    parse_repository,
    parse_yes,
)
from microrepo.cli.prompt.config_file import Defaults, config_text, defaults_here, write_config
from microrepo.config.load import convert
from microrepo.config.schema import EVERYTHING
from microrepo.config.sizes import format_size
from microrepo.errors import ConfigError

Read = Callable[[str], str]
Write = Callable[[str], None]
Answer = TypeVar("Answer")

WHAT = "What to mirror: "
CHOICES = (
    "Name projects (flask numpy>=1.26,<3) or a requirements file (-r FILE); or type everything, "
    "for\nthe whole index.\n"
)
ABORTED = "stopped; nothing was written. Without questions: `microrepo init --yes --packages NAME`"


def ask(
    read: Read, write: Write, defaults: Defaults, estimate: Estimate | None = None
) -> dict[str, object]:
    """Ask for the settings of a first run.

    A wrong answer is explained and asked again; Enter takes the default.

    Args:
        read: shows a question and returns a line; raises EOFError at the end of the input.
        write: shows text as it is.
        defaults: answers for Enter.
        estimate: estimate for a mirror of everything; None for PyPI's.

    Returns:
        Checked config values; nothing is written.

    Raises:
        ConfigError: the input ended, or the last answer was no.
    """
    try:
        return _dialogue(read, write, defaults, estimate or estimate_everything())
    except EOFError:
        write("\n")
        raise ConfigError(ABORTED) from None


def _dialogue(
    read: Read, write: Write, defaults: Defaults, estimate: Estimate
) -> dict[str, object]:
    what = "changes settings in" if defaults.before else "makes a config file at"
    write(
        f"This {what} {defaults.config_path}.\n"
        "Enter takes the value in [brackets], Ctrl-D stops.\n\n"
    )

    def parse_directory(text: str) -> str:
        return parse_repository(text, defaults.base, defaults.home)

    values: dict[str, object] = {
        **defaults.before,
        "repository": _question(
            read, write, "Directory for the repository", parse_directory, defaults.repository
        ),
        "packages": _packages(read, write, defaults, estimate),
        "python_versions": _question(
            read, write, "Python versions", parse_pythons, defaults.python
        ),
        "processes": _question(
            read, write, "Worker processes", parse_processes, str(defaults.processes)
        ),
    }
    convert(values, "the answers")
    write(f"\n{defaults.config_path}:\n{config_text(values)}\n")
    if not _yes(read, write, "Write it?", default=True):
        raise ConfigError(ABORTED)
    return values


def _question(
    read: Read, write: Write, question: str, parse: Callable[[str], Answer], default: str
) -> Answer:
    def parse_or_default(text: str) -> Answer:
        return parse(text.strip() or default)

    return _until_right(read, write, f"{question} [{default}]: ", parse_or_default)


def _until_right(read: Read, write: Write, prompt: str, parse: Callable[[str], Answer]) -> Answer:
    while True:
        try:
            return parse(read(prompt))
        except ConfigError as error:
            write(f"  {error}\n")


def _yes(read: Read, write: Write, question: str, *, default: bool) -> bool:
    choice = "[Y/n]" if default else "[y/N]"
    return _until_right(
        read, write, f"{question} {choice} ", lambda text: parse_yes(text, default=default)
    )


def _packages(read: Read, write: Write, defaults: Defaults, estimate: Estimate) -> object:
    before = defaults.before.get("packages")
    shown = " ".join(map(str, before)) if isinstance(before, list) else before
    prompt = f"{WHAT[:-2]} [{shown}]: " if before else WHAT

    def parse(text: str) -> object:
        return before if before and not text.strip() else parse_packages(text, defaults.base)

    write(CHOICES)
    while True:
        packages = _until_right(read, write, prompt, parse)
        if packages in (before, None) or packages != EVERYTHING:
            return packages
        write(describe_estimate(estimate))
        if _yes(read, write, "Mirror everything?", default=False):
            return packages


def describe_estimate(estimate: Estimate) -> str:
    """Return the estimate for a mirror of everything, as text."""
    line = estimate.line_bytes_per_s * 8 / 1e6
    return (
        f"  This is about {estimate.projects:,} projects. The newest release of each, for one "
        f"Python: roughly {format_size(estimate.selected_bytes)},\n"
        f"  and {estimate.hours:.0f} hours at {line:.0f} Mbit/s (all versions of all files: "
        f"{format_size(estimate.all_bytes)}). Filters and a mirror of\n"
        "  named projects with their dependencies take a small part of that.\n"
    )


def require_terminal(config_path: Path, *, has_reader: bool) -> None:
    """Raise ConfigError if nobody can answer questions."""
    if has_reader:
        return
    raise ConfigError(
        f"No config file ({config_path}), and no terminal to ask questions on. Run `microrepo init "
        "--yes --packages NAME` (or -r FILE, or --everything), or without a config file `microrepo "
        "refresh --repository DIR NAME`."
    )


def complete_path(line: str) -> list[str]:
    """Return completions of a half-typed path (also after `-r`); directories end in /."""
    option, separator, typed = line.rpartition("-r ") if line.startswith("-r ") else ("", "", line)
    directory, _, start = typed.rpartition("/")
    shown = typed[: len(typed) - len(start)]
    place = Path(os.path.expandvars(directory or ("/" if shown else "."))).expanduser()
    try:
        entries = sorted(place.iterdir())
    except OSError:
        return []
    return [
        f"{option}{separator}{shown}{entry.name}{'/' if entry.is_dir() else ''}"
        for entry in entries
        if entry.name.startswith(start) and (start or not entry.name.startswith("."))
    ]


def _enable_completion() -> None:
    try:
        import readline
    except ImportError:
        return

    def complete(text: str, index: int) -> str | None:
        return dict(enumerate(complete_path(text))).get(index)

    # The whole line is one word: paths can contain spaces.
    readline.set_completer_delims("\n")
    readline.set_completer(complete)
    editline = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if editline else "tab: complete")


def first_config(config_path: Path, before: Mapping[str, object] | None = None) -> None:
    """Ask at the terminal and write the config file.

    Args:
        before: its settings, to change them; None for a new file.

    Raises:
        ConfigError: no terminal, an end without answers, or the file cannot be written.
    """
    require_terminal(config_path, has_reader=terminal.has_reader())
    if terminal.edits_lines():
        _enable_completion()
    defaults = defaults_here(config_path, before)
    values = ask(terminal.read_line, terminal.write_err, defaults)
    write_config(config_path, values, overwrite=before is not None)
    terminal.write_err(f"Wrote {config_path}\n")
