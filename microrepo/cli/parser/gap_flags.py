"""Arguments of the commands that lead across an air gap: `export`, `receipt`, `wants`."""

from __future__ import annotations

from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.setting_flags import add_settings

_REPOSITORY = ("repository",)


def add_wants(parser: CommandParser) -> None:
    """Add the arguments of `wants`."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="OUT | add REQ... | remove REQ...",
        help="file to write, - for standard output (default); or requirements to add or remove",
    )
    parser.add_argument(
        "--log",
        action="append",
        metavar="LOG",
        default=[],
        help="add what installers did not find, from an access log of the server; repeatable",
    )
    add_settings(parser, _REPOSITORY)
