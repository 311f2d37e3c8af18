"""Commands for those who keep a mirror running: health."""

from __future__ import annotations

import argparse
import sys

from microrepo.cli import render
from microrepo.cli.commands import load_settings
from microrepo.config.sizes import format_size, parse_age_s
from microrepo.operations.health import Health, health, prometheus_text, span


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
