"""Handler of `health`."""

from __future__ import annotations

import argparse

from microrepo.cli import terminal
from microrepo.cli.commands.settings_loading import load_settings
from microrepo.cli.render.inspection_text import health_text
from microrepo.config.sizes import parse_age_s
from microrepo.operations.monitor.health import health
from microrepo.operations.monitor.metrics import prometheus_text


def command_health(arguments: argparse.Namespace) -> int:
    """Report the age and the problems of a mirror."""
    max_age_s = parse_age_s(arguments.max_age, "--max-age")
    found = health(load_settings(arguments).config, max_age_s)
    if arguments.prometheus:
        terminal.write_out(prometheus_text(found))
    elif arguments.json:
        terminal.write_json(found)
    elif found.problems or not arguments.quiet:
        terminal.write_out(health_text(found, verbose=arguments.verbose))
    return found.exit_code
