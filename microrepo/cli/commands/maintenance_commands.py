"""Handlers of `verify`, `prune`, `delete`, `store`, `adopt` and `schedule`."""

from __future__ import annotations

import argparse
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
from microrepo.cli.prompt.deletion_consent import with_consent
from microrepo.cli.render.report_text import adopt_text, report_text
from microrepo.cli.render.stats_text import store_text
from microrepo.config.checks import check_path
from microrepo.config.schema import Config
from microrepo.config.sizes import parse_age_s
from microrepo.exit_codes import ExitCode
from microrepo.operations.records.report import Report


def command_verify(arguments: argparse.Namespace) -> int:
    """Check the files against their digests."""
    from microrepo.operations.maintain.verify import verify

    loaded = load_settings(arguments)
    with reporting(arguments) as reporter:
        report = verify(
            loaded.config,
            deep=arguments.deep,
            contents=arguments.contents,
            repair=arguments.repair,
            dry_run=arguments.dry_run,
            reporter=reporter,
        )
    return show_report(arguments, report, partial(report_text, verbose=arguments.verbose))


def command_prune(arguments: argparse.Namespace) -> int:
    """Delete files that the settings no longer select."""
    from microrepo.operations.maintain.prune import prune

    loaded = load_settings(arguments)
    requests = requests_from(loaded)

    def run(config: Config) -> Report:
        with reporting(arguments) as reporter:
            return prune(config, requests, dry_run=arguments.dry_run, reporter=reporter)

    report = with_consent(loaded.config, run, quiet=arguments.quiet)
    return show_report(arguments, report, partial(report_text, verbose=arguments.verbose))


def command_delete(arguments: argparse.Namespace) -> int:
    """Delete projects, releases or files by name."""
    from microrepo.operations.maintain.delete import delete

    loaded = load_settings(arguments)
    requests = requests_or_everything(loaded)
    with reporting(arguments) as reporter:
        report = delete(
            loaded.config,
            requests,
            arguments.names,
            reason=arguments.reason or "",
            dry_run=arguments.dry_run,
            reporter=reporter,
        )
    return show_report(arguments, report, partial(report_text, verbose=arguments.verbose))


def command_store(arguments: argparse.Namespace) -> int:
    """Show or clean up a store that several repositories share."""
    from microrepo.operations.maintain.shared_store import collect_garbage, examine_store

    config = load_settings(arguments, whole=True).config
    if arguments.action == "gc":
        unused_for_s = parse_age_s(arguments.unused_for, "--unused-for")
        report = collect_garbage(config, unused_for_s, dry_run=arguments.dry_run)
    else:
        report = examine_store(config)
    if arguments.json:
        terminal.write_json(report)
    elif not arguments.quiet:
        terminal.write_out(store_text(report, is_clean_up=arguments.action == "gc"))
    return ExitCode.DONE


def command_adopt(arguments: argparse.Namespace) -> int:
    """Adopt the files of another mirror program."""
    from microrepo.operations.maintain.adopt import adopt

    loaded = load_settings(arguments)
    check_path(arguments.tree, "adopt")
    tree = Path(arguments.tree).expanduser().absolute()
    with reporting(arguments) as reporter:
        report = adopt(
            loaded.config, tree, dry_run=arguments.dry_run, copy=arguments.copy, reporter=reporter
        )
    return show_report(arguments, report, partial(adopt_text, verbose=arguments.verbose))


def command_schedule(arguments: argparse.Namespace) -> int:
    """Print, install or remove a scheduled refresh."""
    from microrepo.schedule import build_schedule, install, remove, render_schedule, this_machine

    loaded = load_settings(arguments, needed=True, whole=True)
    assert loaded.path is not None  # noqa: S101 - `needed` guarantees it
    config = loaded.config
    writable = [Path(config.change_list)] if config.change_list else []
    writable += [Path(config.metrics_file).parent] if config.metrics_file else []
    machine = this_machine(
        loaded.path.resolve(), Path(config.repository), user=arguments.user, writable=writable
    )
    schedule = build_schedule(arguments.kind, machine, arguments.every, arguments.name)
    if arguments.install:
        for path in install(schedule):
            terminal.note(f"installed the schedule '{schedule.name}': {path}")
        terminal.write_err(terminal.join_lines(schedule.notes))
    elif arguments.remove:
        removed = remove(schedule)
        for path in removed:
            terminal.note(f"removed the schedule '{schedule.name}': {path}")
        if not removed:
            terminal.note(f"the schedule '{schedule.name}' is not installed")
    else:
        terminal.write_out(render_schedule(schedule))
    return ExitCode.DONE
