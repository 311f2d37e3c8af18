"""The commands: settings in, one operation, its result shown, an exit code out."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from microrepo.cli import render
from microrepo.cli.setting_flags import flags_of
from microrepo.config.load import Loaded, find_config, load, shown
from microrepo.config.schema import json_schema, sample
from microrepo.errors import ConfigError
from microrepo.operations.records.report import Report
from microrepo.operations.run.goals import Requests
from microrepo.reporting import BarReporter, Reporter, SilentReporter, TextReporter

_Operation = Callable[[Reporter], Report]


def load_settings(arguments: argparse.Namespace, *, needed: bool = False) -> Loaded:
    """Read the config file that applies, under environment and flags.

    Args:
        arguments: parsed command line.
        needed: a missing file is an error even where flags might do.

    Raises:
        ConfigError: a named file is missing, or settings are wrong.
    """
    path = find_config(arguments.config, os.environ)
    named = arguments.config or os.environ.get("MICROREPO_CONFIG")
    if not path.is_file():
        if named or needed:
            raise ConfigError(f"{path}: there is no such config file; `microrepo init` makes one")
        return load(None, flags_of(arguments), os.environ)
    return load(path, flags_of(arguments), os.environ)


def requests_from(loaded: Loaded, words: Sequence[str] = (), files: Sequence[str] = ()) -> Requests:
    """Return what is asked for: on the command line, else by the settings.

    Args:
        loaded: the settings.
        words: requirements from the command line.
        files: requirements files from the command line, relative to the working directory.
    """
    from microrepo.operations.run.goals import read_requests, requests_of

    if words or files:
        return read_requests([*words, *(f"-r {name}" for name in files)], Path.cwd())
    return requests_of(loaded.config, loaded.base)


@contextlib.contextmanager
def reporting(arguments: argparse.Namespace) -> Iterator[Reporter]:
    """Choose who watches: bars on a terminal, lines otherwise, nobody with --quiet."""
    reporter: Reporter
    if arguments.quiet:
        reporter = SilentReporter()
    elif arguments.no_progress or not sys.stderr.isatty():
        reporter = TextReporter()
    else:
        reporter = BarReporter()
    try:
        yield reporter
    finally:
        reporter.close()


def _report(arguments: argparse.Namespace, operation: _Operation) -> int:
    with reporting(arguments) as reporter:
        report = operation(reporter)
    if arguments.json:
        render.print_json(report)
    elif not arguments.quiet:
        sys.stdout.write(render.report_text(report, verbose=arguments.verbose))
    if report.refused and (arguments.quiet or arguments.json):
        sys.stderr.write(f"microrepo: error: {report.refused}\n")
    return report.exit_code


def command_bare(arguments: argparse.Namespace) -> int:
    """`microrepo` alone: the first-run questions where they are needed, then a refresh."""
    _ask_if_needed(arguments)
    arguments.requirements, arguments.requirement = [], []
    arguments.dry_run = arguments.force_check = arguments.replace = False
    return command_refresh(arguments)


def _ask_if_needed(arguments: argparse.Namespace) -> None:
    from microrepo.cli.prompt import first_config

    path = find_config(arguments.config, os.environ)
    if not path.exists():
        first_config(path)


def command_refresh(arguments: argparse.Namespace) -> int:
    """Fetch what is new, delete what is no longer wanted."""
    from microrepo.operations.api.refresh_api import refresh

    words, files = arguments.requirements, arguments.requirement
    given = flags_of(arguments)
    if not words and not files and "packages" not in given:
        path = find_config(arguments.config, os.environ)
        if not path.exists() and "MICROREPO_PACKAGES" not in os.environ:
            _ask_if_needed(arguments)
    loaded = load_settings(arguments)
    requests = requests_from(loaded, words, files)
    return _report(
        arguments,
        lambda reporter: refresh(
            loaded.config,
            requests,
            only_these=bool(words or files),
            dry_run=arguments.dry_run,
            force_check=arguments.force_check,
            replace=arguments.replace,
            reporter=reporter,
        ),
    )


def command_init(arguments: argparse.Namespace) -> int:
    """Write a config file."""
    from microrepo.cli.prompt import (
        defaults_here,
        first_config,
        values_from_flags,
        write_config,
    )

    path = find_config(arguments.config, os.environ)
    if path.exists() and not arguments.force:
        raise ConfigError(f"{path}: exists already; edit it, or replace it with --force")
    if not arguments.yes:
        first_config(path)
        return 0
    given = flags_of(arguments)
    packages = given.pop("packages", ())
    everything = arguments.everything or packages == "everything"
    values = values_from_flags(
        defaults_here(path),
        () if everything else packages,  # type: ignore[arg-type]
        arguments.requirement,
        everything=everything,
        others=given,
    )
    write_config(path, values, overwrite=arguments.force)
    sys.stderr.write(f"microrepo: wrote {path}; `microrepo` fills the repository\n")
    return 0


def command_config(arguments: argparse.Namespace) -> int:
    """Show the effective settings, the schema, a sample or the keys."""
    if arguments.schema:
        render.print_json(json_schema())
        return 0
    if arguments.sample:
        sys.stdout.write(sample().decode())
        return 0
    if arguments.keys:
        sys.stdout.write(render.keys_text())
        return 0
    if arguments.from_bandersnatch or arguments.from_morgan:
        from microrepo.cli.translating import translate

        return translate(arguments)
    if arguments.output:
        raise ConfigError("--output needs --from-bandersnatch or --from-morgan")
    loaded = load_settings(arguments)
    from microrepo.operations.run.goals import policy_of
    from microrepo.selection.rules.policy import filter_warnings

    for warning in filter_warnings(policy_of(loaded.config, requests_or_everything(loaded))):
        sys.stderr.write(f"microrepo: warning: {warning}\n")
    if arguments.json:
        render.print_json(shown(loaded))
    else:
        sys.stdout.write(render.settings_text(loaded))
    return 0


def command_verify(arguments: argparse.Namespace) -> int:
    """Compare the files on disk with their digests."""
    from microrepo.operations.maintain.verify import verify

    loaded = load_settings(arguments)
    return _report(
        arguments,
        lambda reporter: verify(
            loaded.config,
            deep=arguments.deep,
            repair=arguments.repair,
            dry_run=arguments.dry_run,
            reporter=reporter,
        ),
    )


def command_delete(arguments: argparse.Namespace) -> int:
    """Delete projects, releases or files by name."""
    from microrepo.operations.maintain.delete import delete

    loaded = load_settings(arguments)
    requests = requests_or_everything(loaded)
    return _report(
        arguments,
        lambda reporter: delete(
            loaded.config,
            requests,
            arguments.names,
            reason=arguments.reason or "",
            dry_run=arguments.dry_run,
            reporter=reporter,
        ),
    )


def command_prune(arguments: argparse.Namespace) -> int:
    """Delete what the configuration no longer selects."""
    from microrepo.operations.maintain.prune import prune

    loaded = load_settings(arguments)
    requests = requests_from(loaded)
    return _report(
        arguments,
        lambda reporter: prune(
            loaded.config, requests, dry_run=arguments.dry_run, reporter=reporter
        ),
    )


def requests_or_everything(loaded: Loaded) -> Requests:
    """Return what the settings ask for; where they name nothing, any project may be meant."""
    from microrepo.operations.run.goals import EVERYTHING_REQUESTED, requests_of

    if loaded.config.packages is None:
        return EVERYTHING_REQUESTED
    return requests_of(loaded.config, loaded.base)


def command_schedule(arguments: argparse.Namespace) -> int:
    """Print, install or remove a scheduled refresh."""
    from microrepo.schedule import build_schedule, install, remove, render_schedule, this_machine

    loaded = load_settings(arguments, needed=True)
    assert loaded.path is not None  # noqa: S101 - `needed` sees to it
    config = loaded.config
    writable = [Path(config.change_list)] if config.change_list else []
    writable += [Path(config.metrics_file).parent] if config.metrics_file else []
    facts = this_machine(
        loaded.path.resolve(), Path(config.repository), user=arguments.user, writable=writable
    )
    schedule = build_schedule(arguments.kind, facts, arguments.every, arguments.name)
    if not arguments.install and not arguments.remove:
        sys.stdout.write(render_schedule(schedule))
        return 0
    done = install(schedule) if arguments.install else remove(schedule)
    verb = "installed" if arguments.install else "removed"
    sys.stderr.write("".join(f"microrepo: {verb} {path}\n" for path in done))
    if arguments.install:
        sys.stderr.write("".join(f"{note}\n" for note in schedule.notes))
    return 0
