"""Arguments of the commands about target environments: `check`, `sbom`, `env`, `freeze`."""

from __future__ import annotations

from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.global_flags import (
    add_constraint,
    add_requirement,
    add_snapshot_name,
)
from microrepo.cli.parser.setting_flags import add_settings
from microrepo.config.option_values import parse_names


def add_check(parser: CommandParser) -> None:
    """Add the arguments of `check`."""
    parser.add_argument(
        "requirements",
        nargs="*",
        metavar="REQ",
        help="requirements to check (default: the configured packages)",
    )
    add_requirement(parser, "check the requirements in this file; repeatable")
    add_constraint(parser)
    _add_environment(parser, "check only this environment; repeatable")
    parser.add_argument(
        "--want", action="store_true", help="record what is not met, for `microrepo wants`"
    )
    add_snapshot_name(parser, "check this snapshot instead of the present files")
    add_settings(parser, basic=("repository", "environments", "lock"))


def add_sbom(parser: CommandParser) -> None:
    """Add the arguments of `sbom`."""
    parser.add_argument(
        "requirements",
        nargs="*",
        metavar="REQ",
        help="list only what these requirements install (default: all files)",
    )
    add_requirement(parser, "list only what this file installs, also a lock file; repeatable")
    add_constraint(parser)
    _add_environment(parser, "install in this environment only; repeatable")
    parser.add_argument(
        "--format",
        choices=("cyclonedx", "spdx"),
        default="cyclonedx",
        help="CycloneDX 1.6 or SPDX 2.3, both in JSON (default: cyclonedx)",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write to FILE (default: standard output)"
    )
    add_snapshot_name(parser, "describe this snapshot instead of the present files")
    add_settings(parser, basic=("repository", "environments"))


def add_audit(parser: CommandParser) -> None:
    """Add the arguments of `audit`."""
    parser.add_argument(
        "requirements",
        nargs="*",
        metavar="REQ",
        help="audit only what these install (default: all files)",
    )
    add_requirement(parser, "audit only what this file installs, also a lock file; repeatable")
    add_constraint(parser)
    _add_environment(parser, "install in this environment only; repeatable")
    parser.add_argument(
        "--format",
        choices=("table", "json", "pip-audit"),
        default="table",
        help="text, JSON, or the JSON of pip-audit (default: table)",
    )
    add_snapshot_name(parser, "audit this snapshot instead of the present files")
    keys = ("repository", "environments", "advisories", "ignore_advisories")
    add_settings(parser, basic=keys)


def _add_environment(parser: CommandParser, about: str) -> None:
    parser.add_argument(
        "-e",
        "--environment",
        action="extend",
        type=parse_names,
        metavar="NAME",
        default=[],
        help=about,
    )


def add_env(parser: CommandParser) -> None:
    """Add the arguments of `env`."""
    parser.add_argument("--name", help="name of the environment")
    parser.add_argument(
        "--script",
        action="store_true",
        help="print a script that does the same on a machine without microrepo",
    )


def add_freeze(parser: CommandParser) -> None:
    """Add the arguments of `freeze`."""
    parser.add_argument(
        "--mode", choices=("==", ">=", "~="), default="==", help="operator (default: ==)"
    )
