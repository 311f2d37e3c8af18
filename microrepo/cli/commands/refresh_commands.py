"""Handlers of `refresh` and of the program without a command."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

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
from microrepo.errors import ConfigError, MicrorepoError
from microrepo.exit_codes import ExitCode
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
    """Refresh what the arguments name, and show the report; all profiles if none is chosen."""
    is_named = bool(arguments.requirements or arguments.requirement)
    loaded = load_settings(arguments, whole=not is_named)
    if loaded.config.profiles and not arguments.profile and not _names_repository(loaded):
        return refresh_profiles(arguments, loaded)
    report = _refresh(arguments, loaded)
    return show_report(arguments, report, partial(report_text, verbose=arguments.verbose))


def _names_repository(loaded: Loaded) -> bool:
    return loaded.origins["repository"] not in {"default", str(loaded.path)}


def refresh_profiles(arguments: argparse.Namespace, loaded: Loaded) -> int:
    """Refresh the repositories of all profiles; a failure of one does not stop the others."""
    reports: dict[str, Report] = {}
    codes: list[int] = []
    # All settings are checked before anything is downloaded.
    profiles = {name: load_settings(arguments, profile=name) for name in loaded.config.profiles}
    with tempfile.TemporaryDirectory(prefix="microrepo-answers-") as answers:
        for name, own in profiles.items():
            try:
                report = _refresh(arguments, own, Path(answers))
            except MicrorepoError as error:
                terminal.fail(f"profile {name}: {error}")
                codes.append(error.exit_code)
                continue
            reports[name] = report
            codes.append(report.exit_code)
            if not (arguments.json or arguments.quiet):
                terminal.write_out(f"profile {name}\n")
                terminal.write_out(report_text(report, verbose=arguments.verbose) + "\n")
    if arguments.json:
        terminal.write_json(reports)
    return _worst(codes)


def _worst(codes: Sequence[int]) -> int:
    """Return the exit code that says most: a failure before a gap, a gap before success."""
    failures = [code for code in codes if code not in {ExitCode.DONE, ExitCode.INCOMPLETE}]
    return failures[0] if failures else max(codes, default=int(ExitCode.DONE))


def _refresh(arguments: argparse.Namespace, loaded: Loaded, answers: Path | None = None) -> Report:
    """Refresh one repository.

    Args:
        answers: directory of answers of sources that several refreshes share.
    """
    from microrepo.operations.api.refresh_api import refresh

    words, files = arguments.requirements, arguments.requirement
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
                answers=answers,
            )

    report = with_consent(loaded.config, run, quiet=arguments.quiet)
    if beside and loaded.config.prune and not (arguments.quiet or arguments.dry_run):
        _warn_of_deletion(loaded, beside)
    return report


def _ask_if_needed(arguments: argparse.Namespace) -> None:
    path = find_config(arguments.config, os.environ)
    if not path.exists() and "MICROREPO_PACKAGES" not in os.environ:
        from microrepo.cli.prompt.dialogue import first_config

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
