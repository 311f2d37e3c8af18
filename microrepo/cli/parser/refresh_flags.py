"""Arguments of `refresh`."""

from __future__ import annotations

from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.global_flags import add_constraint, add_dry_run, add_requirement
from microrepo.cli.parser.setting_flags import add_settings


def add_refresh(parser: CommandParser) -> None:
    """Add the arguments of `refresh`."""
    parser.add_argument(
        "requirements",
        nargs="*",
        metavar="REQ",
        help="refresh only these projects (flask, numpy>=1.26)",
    )
    add_requirement(parser, "refresh only the projects in this file; repeatable")
    add_constraint(parser)
    add_dry_run(parser)
    parser.add_argument(
        "--force-check", action="store_true", help="check every project, changed or not"
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help="overwrite files that microrepo did not download; accept what `substitution` refuses",
    )
    add_settings(parser)
