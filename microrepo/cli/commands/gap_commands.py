"""Handlers of the commands that lead across an air gap: `export`, `receipt`, `wants`."""

from __future__ import annotations

import argparse
from pathlib import Path

from microrepo.cli import terminal
from microrepo.cli.commands.settings_loading import load_settings
from microrepo.errors import ConfigError
from microrepo.exit_codes import ExitCode
from microrepo.stores.atomic_write import public_mode, write_atomically
from microrepo.stores.disk_errors import disk_words


def command_wants(arguments: argparse.Namespace) -> int:
    """Show, record or remove what users asked for and did not find."""
    from microrepo.operations.monitor import wants

    repository = load_settings(arguments).config.repository
    word, *requirements = arguments.words or ["-"]
    if word == "add" and requirements:
        for want in wants.add_wants(repository, requirements, wants.WantOrigin.PERSON):
            terminal.note(f"wanted: {want.requirement}")
        return ExitCode.DONE
    if word == "remove" and requirements:
        unknown = wants.remove_wants(repository, requirements)
        for text in unknown:
            terminal.fail(f"{text} is not among the wants")
        return ExitCode.INCOMPLETE if unknown else ExitCode.DONE
    if requirements or word in {"add", "remove"}:
        raise ConfigError(
            "wants: name one file, or write `wants add REQ...` or `wants remove REQ...`"
        )
    found = wants.list_wants(repository, arguments.log)
    for failure in found.failed:
        terminal.fail(f"{failure.what}: {failure.why}")
    if arguments.json:
        terminal.write_json(found)
    elif word == "-":
        terminal.write_out(wants.wants_text(found))
    else:
        write_output(Path(word), wants.wants_text(found).encode())
        terminal.note(f"wrote {len(found.wants):,} wants to {word}")
    return ExitCode.INCOMPLETE if found.failed else ExitCode.DONE


def write_output(path: Path, content: bytes) -> None:
    """Write a file that the user named.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        write_atomically(path, content, public_mode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {disk_words(error)}") from error
