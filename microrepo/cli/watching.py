"""Commands for those who keep a mirror running: health, and who downloads what."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from microrepo.cli import render
from microrepo.cli.commands import load_settings
from microrepo.config.sizes import format_size, parse_age_s
from microrepo.operations.monitor.access_statistics import (
    DownloadStats,
    counting,
    csv_lines,
    write_days,
)
from microrepo.operations.monitor.health import Health, health, span
from microrepo.operations.monitor.metrics import prometheus_text


def command_health(arguments: argparse.Namespace) -> int:
    """Tell how old the mirror is and what is wrong with it."""
    max_age_s = parse_age_s(arguments.max_age, "--max-age")
    found = health(load_settings(arguments).config, max_age_s)
    if arguments.prometheus:
        sys.stdout.write(prometheus_text(found))
    elif arguments.json:
        render.print_json(found)
    elif found.problems or not arguments.quiet:
        sys.stdout.write(render.closing_text(_lines(found, verbose=arguments.verbose), (), ()))
    return found.exit_code


def _lines(found: Health, *, verbose: bool) -> list[str]:
    """Return one line that says it all, as monitors show it, and details."""
    age = "no refresh yet" if found.age_s is None else f"refreshed {span(found.age_s)} ago"
    word = {0: "fine", 1: "failed"}.get(found.exit_code, "incomplete")
    size = format_size(found.size_bytes)
    lines = [f"{word}: {age}; {found.projects} projects, {found.files} files, {size}"]
    lines += [f"  {problem}" for problem in found.problems]
    if found.running:
        lines.append(f"  a run is at work: {found.running}")
    if found.failing:
        shown = found.failing_projects if verbose else found.failing_projects[:20]
        lines.append("failing:")
        for one in shown:
            again = f"; tried again after {one.retry_at}" if one.retry_at else ""
            lines.append(f"  {one.name}: {one.error}{again}")
        if found.failing > len(shown):
            lines.append(f"  ... and {found.failing - len(shown)} more")
    return lines


def show_downloads(arguments: argparse.Namespace) -> int:
    """Count downloads in access logs."""
    with counting(arguments.downloads) as downloads:
        found = downloads.stats(max(0, arguments.top))
        if arguments.days:
            written = write_days(downloads, Path(arguments.days))
            sys.stderr.write(f"microrepo: wrote {len(written)} days to {arguments.days}\n")
        if arguments.json:
            render.print_json(found)
        elif arguments.csv:
            sys.stdout.writelines(csv_lines(downloads))
        elif not (arguments.days and arguments.quiet):
            sys.stdout.write(render.closing_text(_download_lines(found), (), ()))
    for failure in found.unreadable:
        sys.stderr.write(f"microrepo: warning: {failure.why}\n")
    return found.exit_code


def _download_lines(found: DownloadStats) -> Iterator[str]:
    days = f"{found.first_day} to {found.last_day}" if found.first_day else "no day"
    yield f"{found.downloads} downloads of {found.files} files, {found.projects} projects, {days}"
    yield (
        f"{found.lines} lines in {found.logs} logs, {found.others} of them about other things, "
        f"{found.malformed} unreadable"
    )
    tables = (
        ("project", found.by_project),
        ("file", found.by_file),
        ("client", found.by_client),
        ("day", found.by_day),
    )
    for title, counts in tables:
        if counts:
            yield ""
            yield title
        for value, count in counts.items():
            yield f"  {count:>10}  {value}"
