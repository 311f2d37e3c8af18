"""Commands that only look: list, stats, explain, history."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from microrepo.cli import render
from microrepo.cli.commands import load_settings, requests_or_everything
from microrepo.config.sizes import format_size
from microrepo.errors import ConfigError

if TYPE_CHECKING:
    from microrepo.operations.inspect.inspection import HeldFile


def command_list(arguments: argparse.Namespace) -> int:
    """List the files that are there."""
    from microrepo.operations.inspect.inspection import list_files

    rows = list_files(load_settings(arguments).config, arguments.projects)
    if arguments.json:
        render.print_json(rows)
    else:
        sys.stdout.write("".join(f"{_list_line(row, arguments)}\n" for row in rows))
    return 0


def _list_line(row: HeldFile, arguments: argparse.Namespace) -> str:
    return f"{row.filename}\t{row.source}" if arguments.with_source else row.filename


def command_stats(arguments: argparse.Namespace) -> int:
    """Count what is there."""
    from microrepo.operations.inspect.inspection import stats

    if arguments.downloads:
        from microrepo.cli.watching import show_downloads

        return show_downloads(arguments)
    if arguments.days:
        raise ConfigError("--days belongs to --downloads LOG...")
    found = stats(load_settings(arguments).config)
    if arguments.json:
        render.print_json(found)
    elif arguments.csv:
        sys.stdout.write(render.stats_csv(found))
    else:
        sys.stdout.write(render.stats_text(found))
    return 0


def command_explain(arguments: argparse.Namespace) -> int:
    """Say why files are in or out."""
    from microrepo.operations.inspect.inspection import explain

    loaded = load_settings(arguments)
    found = explain(loaded.config, requests_or_everything(loaded), arguments.target)
    if arguments.json:
        render.print_json(found)
    else:
        sys.stdout.write(render.explanation_text(found))
    return 0


def command_history(arguments: argparse.Namespace) -> int:
    """Tell which files came and went, and why, newest first."""
    from microrepo.operations.inspect.inspection import history

    if arguments.changes is not None or arguments.since is not None:
        return _show_changes(arguments)
    if arguments.paths:
        raise ConfigError("--paths belongs to a change list; add --changes or --since RUN")
    rows = history(load_settings(arguments).config, arguments.project, arguments.limit)
    if arguments.json:
        render.print_json([render.change_record(row) for row in rows])
    else:
        sys.stdout.write(render.history_text(rows))
    return 0


def _show_changes(arguments: argparse.Namespace) -> int:
    from microrepo.operations.monitor.change_list import recorded_changes

    changes = recorded_changes(
        load_settings(arguments).config,
        (arguments.changes or None) if arguments.since is None else arguments.since,
        since=arguments.since is not None,
        digests=arguments.json,
    )
    if arguments.json:
        render.print_json(list(changes))
    elif arguments.paths:
        # As bytes: a name may hold what the terminal's encoding cannot.
        for change in changes:
            if change.action == arguments.paths:
                sys.stdout.buffer.write(os.fsencode(change.path) + b"\n")
    else:
        for change in changes:
            size = "" if change.size is None else f"  {format_size(change.size)}"
            line = f"{change.action:<6}  {change.path}{size}"
            sys.stdout.write(render.closing_text((line,), (), ()))
    return 0
