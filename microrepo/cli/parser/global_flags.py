"""Options of every command."""

from __future__ import annotations

import argparse
from typing import Any

from microrepo.cli.parser.command_parser import GLOBAL_TITLE, FullHelpAction

AFTER_A_RUN = ("change_list", "change_list_history", "metrics_file", "hook", "hook_timeout_s")
DRY_RUN = "print the plan without changing anything"
REQUIREMENT = "requirements file, lock file, pyproject.toml or script; repeatable"


def add_global_flags(parser: argparse.ArgumentParser, *, top: bool = False) -> None:
    """Add the options that can be given before or after the command."""
    group = parser.add_argument_group(GLOBAL_TITLE)

    def add(*names: str, **about: Any) -> None:
        # After the command, only options given there override those before it.
        about["default"] = about.get("default") if top else argparse.SUPPRESS
        group.add_argument(*names, **about)

    group.add_argument(
        "--help-all",
        action=FullHelpAction,
        nargs=0,
        default=argparse.SUPPRESS,
        help="show all options with all details",
    )
    add("--config", metavar="FILE", help="config file (default: ~/.microrepo)")
    add("--profile", metavar="NAME", help="use this profile of the config file")
    add("-q", "--quiet", action="store_true", default=False, help="print errors only")
    add("-v", "--verbose", action="store_true", default=False, help="print more detail")
    add(
        "--debug",
        action="store_true",
        default=False,
        help="print debug output, including tracebacks",
    )
    add("--no-progress", action="store_true", default=False, help="disable progress bars")
    add("--json", action="store_true", default=False, help="print the result as JSON")
    add("--log-file", metavar="FILE", help="append a log to FILE")


def add_requirement(parser: argparse.ArgumentParser, help_text: str = REQUIREMENT) -> None:
    """Add ``-r FILE``."""
    parser.add_argument(
        "-r", "--requirement", action="append", metavar="FILE", default=[], help=help_text
    )


def add_constraint(parser: argparse.ArgumentParser) -> None:
    """Add ``-c FILE``, and the parts of a project: ``--extra``, ``--group``, ``--only-group``."""
    parser.add_argument(
        "-c",
        "--constraint",
        action="append",
        metavar="FILE",
        default=[],
        help="limit versions as a constraints file does; PIP_CONSTRAINT names more",
    )
    for name, of in (("extra", "optional dependencies"), ("group", "a dependency group")):
        parser.add_argument(
            f"--{name}", action="append", metavar="NAME", default=[],
            help=f"with -r pyproject.toml or a lock file: also {of}, or all",
        )  # fmt: skip
    parser.add_argument(
        "--only-group",
        action="append",
        metavar="NAME",
        default=[],
        help="with -r pyproject.toml: a dependency group without the dependencies of the project",
    )


def add_snapshot_name(parser: argparse.ArgumentParser, about: str) -> None:
    """Add ``--snapshot NAME``."""
    parser.add_argument("--snapshot", default="", metavar="NAME", help=about)


def add_dry_run(parser: Any) -> None:
    """Add ``--dry-run``."""
    parser.add_argument("--dry-run", action="store_true", help=DRY_RUN)
