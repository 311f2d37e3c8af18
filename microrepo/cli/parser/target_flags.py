"""Arguments of the commands about target environments: `check`, `env`, `freeze`."""

from __future__ import annotations

from microrepo.cli.parser.global_flags import Commands, add_constraint, add_requirement
from microrepo.cli.parser.setting_flags import add_settings


def add_check(commands: Commands) -> None:
    """Add `check`."""
    about = "Prove offline that requirements install from the repository"
    parser = commands.add("check", about, "target_commands")
    parser.add_argument(
        "requirements",
        nargs="*",
        metavar="REQ",
        help="requirements to check (default: the configured packages)",
    )
    add_requirement(parser, "check the requirements in this file; repeatable")
    add_constraint(parser)
    parser.add_argument(
        "-e",
        "--environment",
        action="append",
        metavar="NAME",
        default=[],
        help="check only this environment; repeatable",
    )
    add_settings(parser, basic=("repository", "environments", "lock"))


def add_env(commands: Commands) -> None:
    """Add `env`."""
    parser = commands.add("env", "Describe this Python as a target environment", "target_commands")
    parser.add_argument("--name", help="name of the environment")
    parser.add_argument(
        "--script",
        action="store_true",
        help="print a script that does the same on a machine without microrepo",
    )


def add_freeze(commands: Commands) -> None:
    """Add `freeze`."""
    about = "List the installed distributions as requirements"
    parser = commands.add("freeze", about, "target_commands")
    parser.add_argument(
        "--mode", choices=("==", ">=", "~="), default="==", help="operator (default: ==)"
    )
