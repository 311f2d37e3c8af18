"""Program: parse arguments, then run the command they name.

Help and usage errors are answered with little more than argparse loaded.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from microrepo.cli import terminal
from microrepo.cli.parser.command_line import build_parser
from microrepo.exit_codes import ExitCode


def run(argv: Sequence[str] | None) -> int:
    """Parse arguments and run the command they name; see `microrepo.cli.main`."""
    terminal.prepare()
    try:
        arguments = _parsed(argv)
    except BrokenPipeError:
        return ExitCode.FAILED
    except OSError as error:
        terminal.fail(f"{error.filename}: {error.strerror}")
        return ExitCode.FAILED
    from microrepo.cli.execution import execute

    return execute(arguments)


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    try:
        return build_parser().parse_args(argv)
    except SystemExit:
        terminal.finish()  # help and versions were printed
        raise
