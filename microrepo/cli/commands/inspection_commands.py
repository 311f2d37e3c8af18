"""Handlers of the commands that only read: `list`, `stats`, `explain`, `history`, `health`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from microrepo.cli import terminal
from microrepo.cli.commands.settings_loading import load_settings, requests_or_everything
from microrepo.cli.render.inspection_text import (
    change_record,
    change_text,
    explanation_text,
    health_text,
    history_text,
    import_text,
    unknown_text,
    unread_text,
)
from microrepo.config.sizes import parse_age_s, parse_days
from microrepo.errors import ConfigError
from microrepo.exit_codes import ExitCode


def command_list(arguments: argparse.Namespace) -> int:
    """List the files of the repository."""
    from microrepo.operations.inspect.held_files import list_files

    config = load_settings(arguments).config
    found = list_files(config, arguments.projects, arguments.snapshot)
    rows = found.files
    if arguments.json:
        if found.known or not found.unknown:
            terminal.write_json(rows)
    elif arguments.with_source:
        terminal.write_out(terminal.join_lines(f"{row.filename}\t{row.source}" for row in rows))
    else:
        terminal.write_out(terminal.join_lines(row.filename for row in rows))
    unknown = [f"project {name!r} not found" for name in found.unknown]
    return _answered(unknown, are_all=not found.known)


def _answered(unknown: Sequence[str], *, are_all: bool) -> int:
    """Name what is not known; return the exit code of a command that answered the rest.

    Args:
        unknown: one text for each name.
        are_all: no name is known.
    """
    for text in unknown:
        terminal.fail(text)
    if not unknown:
        return ExitCode.DONE
    return ExitCode.FAILED if are_all else ExitCode.INCOMPLETE


def command_stats(arguments: argparse.Namespace) -> int:
    """Count projects, files and bytes."""
    from microrepo.cli.render.stats_text import stats_csv, stats_text
    from microrepo.operations.inspect.statistics import stats

    if arguments.downloads:
        return _show_downloads(arguments)
    if arguments.days:
        raise ConfigError("--days requires --downloads")
    found = stats(load_settings(arguments).config)
    if arguments.json:
        terminal.write_json(found)
    else:
        terminal.write_out(stats_csv(found) if arguments.csv else stats_text(found))
    return ExitCode.DONE


def _show_downloads(arguments: argparse.Namespace) -> int:
    from microrepo.cli.render.stats_text import downloads_text
    from microrepo.operations.monitor.access_statistics import counting, csv_lines, write_days

    with counting(arguments.downloads) as downloads:
        found = downloads.stats(max(0, arguments.top))
        if arguments.days:
            written = write_days(downloads, Path(arguments.days))
            terminal.note(f"wrote {len(written)} days to {arguments.days}")
        if arguments.json:
            terminal.write_json(found)
        elif arguments.csv:
            terminal.write_out("".join(csv_lines(downloads)))
        elif not (arguments.days and arguments.quiet):
            terminal.write_out(downloads_text(found))
    for failure in found.unreadable:
        terminal.warn(f"{failure.what}: {failure.why}")
    return found.exit_code


def command_explain(arguments: argparse.Namespace) -> int:
    """Show why files are kept or skipped."""
    from microrepo.operations.inspect.explanation import explain

    if arguments.module is not None:
        return _show_import(arguments)
    if not arguments.names:
        what = "name a project, a release or a file; or use --import MODULE"
        terminal.usage_error(what, "", "microrepo explain")
        return ExitCode.USAGE
    loaded = load_settings(arguments)
    found = explain(loaded.config, requests_or_everything(loaded), arguments.names)
    projects = found.projects
    if arguments.json and projects:
        # A single name keeps its JSON form.
        terminal.write_json(projects[0] if len(projects) == 1 else projects)
    elif projects:
        terminal.write_out(explanation_text(projects, show_all=arguments.all))
    return _answered([unknown_text(one) for one in found.unknown], are_all=not projects)


def _show_import(arguments: argparse.Namespace) -> int:
    from microrepo.operations.inspect.import_search import find_import

    repository = load_settings(arguments).config.repository
    found = find_import(repository, arguments.module, arguments.names)
    if arguments.json:
        terminal.write_json(found)
    else:
        terminal.write_out(import_text(found))
    for filename, why in found.unreadable:
        terminal.warn(f"{filename}: {why}")
    if found.unread:
        terminal.warn(unread_text(found))
    return ExitCode.DONE if found.matches else ExitCode.FAILED


def command_history(arguments: argparse.Namespace) -> int:
    """Show which files were added and deleted, newest first."""
    from microrepo.operations.inspect.history import history

    if arguments.changes is not None or arguments.since is not None:
        return _show_changes(arguments)
    if arguments.paths:
        raise ConfigError("--paths requires --changes or --since RUN")
    found = history(load_settings(arguments).config, arguments.project, arguments.limit)
    if arguments.json:
        terminal.write_json([change_record(row) for row in found.changes])
    else:
        terminal.write_out(history_text(found))
    return ExitCode.DONE


def _show_changes(arguments: argparse.Namespace) -> int:
    from microrepo.operations.monitor.change_list import recorded_changes

    changes = recorded_changes(
        load_settings(arguments).config,
        (arguments.changes or None) if arguments.since is None else arguments.since,
        since=arguments.since is not None,
        digests=arguments.json,
    )
    if arguments.json:
        terminal.write_json(list(changes))
        return ExitCode.DONE
    for change in changes:
        if not arguments.paths:
            terminal.write_out(change_text(change))
        elif change.action == arguments.paths:
            terminal.write_path(change.path)
    return ExitCode.DONE


def command_health(arguments: argparse.Namespace) -> int:
    """Report the age and the problems of a mirror."""
    from microrepo.operations.monitor.health import health
    from microrepo.operations.monitor.metrics import prometheus_text

    config = load_settings(arguments).config
    if arguments.max_age is None and config.max_age is not None:
        max_age_s = parse_days(config.max_age, "max_age") * 86_400
    else:
        max_age_s = parse_age_s(arguments.max_age or "2d", "--max-age")
    found = health(config, max_age_s)
    if arguments.prometheus:
        terminal.write_out(prometheus_text(found))
    elif arguments.json:
        terminal.write_json(found)
    elif found.problems or not arguments.quiet:
        terminal.write_out(health_text(found, verbose=arguments.verbose))
    return found.exit_code
