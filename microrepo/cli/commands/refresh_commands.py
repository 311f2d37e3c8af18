"""Handlers of `refresh` and of the program without a command."""

from __future__ import annotations

import argparse
import os
from functools import partial

from microrepo.cli import terminal
from microrepo.cli.commands.settings_loading import (
    load_settings,
    reporting,
    requests_from,
    requests_or_everything,
    show_report,
)
from microrepo.cli.parser.setting_flags import flags_of
from microrepo.cli.prompt.deletion_consent import with_consent
from microrepo.cli.render.report_text import report_text
from microrepo.config.load import Loaded, find_config
from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.operations.records.report import Report
from microrepo.operations.run.goals import Requests


def command_bare(arguments: argparse.Namespace) -> int:
    """Ask the questions of a first run if there is no config file, then refresh."""
    arguments.requirements, arguments.requirement = [], []
    arguments.dry_run = arguments.force_check = arguments.replace = False
    return command_refresh(arguments)


def command_refresh(arguments: argparse.Namespace) -> int:
    """Download new files and delete those that are no longer wanted."""
    named = arguments.requirements or arguments.requirement
    if not (named or "packages" in flags_of(arguments)):
        _ask_if_needed(arguments)
    return run_refresh(arguments)


def run_refresh(arguments: argparse.Namespace) -> int:
    """Refresh what the arguments name, and show the report."""
    from microrepo.operations.api.refresh_api import refresh

    words, files = arguments.requirements, arguments.requirement
    loaded = load_settings(arguments)
    requests = requests_from(loaded, arguments)
    beside = _beside_settings(loaded, requests) if words or files else []
    if beside and loaded.origins["packages"] == "--packages":
        raise ConfigError(
            f"--packages does not name {', '.join(beside)}. To name several projects, repeat "
            "--packages or separate them with commas."
        )

    def run(config: Config) -> Report:
        with reporting(arguments) as reporter:
            return refresh(
                config,
                requests,
                only_these=bool(words or files),
                dry_run=arguments.dry_run,
                force_check=arguments.force_check,
                replace=arguments.replace,
                reporter=reporter,
            )

    report = with_consent(loaded.config, run, quiet=arguments.quiet)
    code = show_report(arguments, report, partial(report_text, verbose=arguments.verbose))
    if beside and loaded.config.prune and not (arguments.quiet or arguments.dry_run):
        _warn_of_deletion(loaded, beside)
    return code


def _ask_if_needed(arguments: argparse.Namespace) -> None:
    from microrepo.cli.prompt.dialogue import first_config

    path = find_config(arguments.config, os.environ)
    if not path.exists() and "MICROREPO_PACKAGES" not in os.environ:
        first_config(path)


def _beside_settings(loaded: Loaded, requests: Requests) -> list[str]:
    """Return the requested projects that the settings do not name, if they name any."""
    if loaded.config.packages is None:
        return []
    configured = requests_or_everything(loaded).requirements
    if configured is None:
        return []
    kept = {one.project for one in configured}
    return sorted({one.name for one in requests.requirements or () if one.project not in kept})


def _warn_of_deletion(loaded: Loaded, names: list[str]) -> None:
    """Warn that a refresh by the settings will delete what this one added."""
    is_one = len(names) == 1
    it = "it" if is_one else "them"
    terminal.warn(
        f"{', '.join(names)} {'is' if is_one else 'are'} not in `packages` of "
        f"{loaded.path or 'the settings'}, so the next refresh deletes {it}. To keep {it}, run "
        f"`microrepo add {' '.join(names)}`."
    )
