"""Handlers of the actions of `snapshot`."""

from __future__ import annotations

import argparse

from microrepo.cli import terminal
from microrepo.cli.commands.settings_loading import load_settings, reporting
from microrepo.cli.render.snapshot_text import (
    description_text,
    difference_text,
    removal_text,
    restore_text,
    snapshot_text,
    snapshots_text,
)
from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.exit_codes import ExitCode
from microrepo.operations.snapshot.snapshot_removal import RemovalReport


def command_snapshot(arguments: argparse.Namespace) -> int:
    """List the snapshots: what `snapshot` does without an action."""
    return command_snapshot_list(arguments)


def command_snapshot_create(arguments: argparse.Namespace) -> int:
    """Keep what the repository has now under a name."""
    from microrepo.operations.snapshot.snapshot_creation import create_snapshot

    config = load_settings(arguments).config
    with reporting(arguments) as reporter:
        report = create_snapshot(
            config,
            arguments.name,
            note=arguments.note,
            dry_run=arguments.dry_run,
            reporter=reporter,
        )
    _show(arguments, report, snapshot_text(report, verbose=arguments.verbose), report.refused)
    return report.exit_code


def command_snapshot_list(arguments: argparse.Namespace) -> int:
    """List the snapshots."""
    from microrepo.operations.snapshot.snapshot_listing import list_snapshots

    found = list_snapshots(load_settings(arguments).config)
    _show(arguments, found, snapshots_text(found))
    broken = any(one.problem for one in found.snapshots)
    return ExitCode.INCOMPLETE if broken else ExitCode.DONE


def command_snapshot_show(arguments: argparse.Namespace) -> int:
    """Describe a snapshot, and check that it can be restored."""
    from microrepo.operations.snapshot.snapshot_listing import describe_snapshot

    config = load_settings(arguments).config
    found = describe_snapshot(config, arguments.name, deep=arguments.deep)
    _show(arguments, found, description_text(found, verbose=arguments.verbose))
    return found.exit_code


def command_snapshot_diff(arguments: argparse.Namespace) -> int:
    """Show what changed between two snapshots."""
    from microrepo.operations.snapshot.snapshot_comparison import compare_snapshots

    config = load_settings(arguments).config
    found = compare_snapshots(config, arguments.old, arguments.new)
    _show(arguments, found, difference_text(found, show_all=arguments.all))
    return ExitCode.DONE


def command_snapshot_restore(arguments: argparse.Namespace) -> int:
    """Give the repository the files of a snapshot, offline."""
    from microrepo.operations.snapshot.snapshot_restore import restore_snapshot

    config = load_settings(arguments).config
    with reporting(arguments) as reporter:
        report = restore_snapshot(
            config,
            arguments.name,
            pin=arguments.pin,
            keep_present=not arguments.discard_present,
            dry_run=arguments.dry_run,
            reporter=reporter,
        )
    _show(arguments, report, restore_text(report, verbose=arguments.verbose), report.refused)
    return report.exit_code


def command_snapshot_delete(arguments: argparse.Namespace) -> int:
    """Delete snapshots; the files of the repository stay."""
    from microrepo.operations.snapshot.snapshot_removal import delete_snapshots

    config = load_settings(arguments).config
    with reporting(arguments) as reporter:
        report = delete_snapshots(
            config, arguments.names, dry_run=arguments.dry_run, reporter=reporter
        )
    return _show_removal(arguments, report)


def command_snapshot_prune(arguments: argparse.Namespace) -> int:
    """Delete old snapshots."""
    config = load_settings(arguments).config
    return _show_removal(arguments, _prune(arguments, config))


def _prune(arguments: argparse.Namespace, config: Config) -> RemovalReport:
    from microrepo.operations.snapshot.snapshot_removal import prune_snapshots

    for flag, value in (("--keep", arguments.keep), ("--keep-days", arguments.keep_days)):
        if value is not None and not value >= 0:
            raise ConfigError(f"{flag} {value}: must not be negative")
    with reporting(arguments) as reporter:
        return prune_snapshots(
            config,
            keep=arguments.keep,
            keep_days=arguments.keep_days,
            now=now(),
            everything=arguments.all,
            dry_run=arguments.dry_run,
            reporter=reporter,
        )


def command_snapshot_unpin(arguments: argparse.Namespace) -> int:
    """Let refreshes change a repository again that a restore pinned."""
    from microrepo.operations.snapshot.snapshot_removal import unpin_snapshot

    config = load_settings(arguments).config
    with reporting(arguments) as reporter:
        pinned = unpin_snapshot(config, reporter)
    if arguments.json:
        terminal.write_json({"unpinned": pinned})
    elif pinned:
        terminal.note(f"refreshes are no longer held at {pinned}")
    else:
        terminal.note("refreshes were not held at a snapshot")
    return ExitCode.DONE


def _show(arguments: argparse.Namespace, result: object, text: str, refused: str = "") -> None:
    if arguments.json:
        terminal.write_json(result)
    elif not arguments.quiet:
        terminal.write_out(text)
    if refused and (arguments.quiet or arguments.json):
        terminal.fail(refused)


def _show_removal(arguments: argparse.Namespace, report: RemovalReport) -> int:
    _show(arguments, report, removal_text(report))
    return report.exit_code
