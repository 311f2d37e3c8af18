"""Handlers of `init` and `config`."""

from __future__ import annotations

import argparse
import os

from microrepo.cli import terminal
from microrepo.cli.commands.settings_loading import load_settings, requests_or_everything
from microrepo.cli.parser.setting_flags import flags_of
from microrepo.cli.render.settings_text import keys_text, settings_text
from microrepo.config.declared_options import json_schema, sample
from microrepo.config.load import find_config, read_file, shown
from microrepo.config.schema import EVERYTHING
from microrepo.errors import ConfigError
from microrepo.exit_codes import ExitCode


def command_init(arguments: argparse.Namespace) -> int:
    """Write a config file."""
    from microrepo.cli.prompt.config_file import defaults_here, values_from_flags, write_config
    from microrepo.cli.prompt.dialogue import first_config

    path = find_config(arguments.config, os.environ)
    exists = path.exists()
    if exists and not arguments.force:
        raise ConfigError(f"{path}: already exists. Edit it, or change settings with --force.")
    if not arguments.yes:
        first_config(path, before=read_file(path) if exists else None)
        return ExitCode.DONE
    given = flags_of(arguments)
    packages = given.pop("packages", ())
    everything = arguments.everything or packages == EVERYTHING
    values = values_from_flags(
        defaults_here(path, read_file(path) if exists else None),
        () if everything else packages,  # type: ignore[arg-type]
        arguments.requirement,
        everything=everything,
        others=given,
    )
    write_config(path, values, overwrite=arguments.force)
    terminal.note(f"wrote {path}; run `microrepo` to fill the repository")
    return ExitCode.DONE


def command_config(arguments: argparse.Namespace) -> int:
    """Show the effective settings, the schema, a sample or the keys."""
    if arguments.schema:
        terminal.write_json(json_schema())
    elif arguments.sample:
        terminal.write_out(sample().decode())
    elif arguments.keys:
        terminal.write_out(keys_text())
    elif arguments.from_bandersnatch or arguments.from_morgan:
        from microrepo.cli.commands.translation_command import translate

        return translate(arguments)
    elif arguments.output:
        raise ConfigError("--output requires --from-bandersnatch or --from-morgan")
    else:
        _show_settings(arguments)
    return ExitCode.DONE


def _show_settings(arguments: argparse.Namespace) -> None:
    from microrepo.operations.run.goals import policy_of
    from microrepo.selection.rules.policy_warnings import filter_warnings

    loaded = load_settings(arguments, whole=True)
    for warning in filter_warnings(policy_of(loaded.config, requests_or_everything(loaded))):
        terminal.warn(warning)
    if arguments.json:
        terminal.write_json(shown(loaded))
    else:
        terminal.write_out(settings_text(loaded))
