"""Program: parse arguments, then run the command they name.

Help and usage errors are answered with little more than argparse loaded.
"""

from __future__ import annotations

from collections.abc import Sequence

from microrepo.cli.parser.command_line import build_parser


def run(argv: Sequence[str] | None) -> int:
    """Parse arguments and run the command they name; see `microrepo.cli.main`."""
    arguments = build_parser().parse_args(argv)
    from microrepo.cli.execution import execute

    return execute(arguments)
