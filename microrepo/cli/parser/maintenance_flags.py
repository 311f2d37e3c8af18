"""Arguments of the commands that maintain a repository and the store it may share."""

from __future__ import annotations

from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.global_flags import AFTER_A_RUN, add_dry_run
from microrepo.cli.parser.setting_flags import add_settings


def add_verify(parser: CommandParser) -> None:
    """Add the arguments of `verify`."""
    parser.add_argument(
        "--deep", action="store_true", help="read every file, not only those that changed"
    )
    parser.add_argument(
        "--contents",
        action="store_true",
        help="also compare the members of each wheel with its RECORD",
    )
    parser.add_argument("--repair", action="store_true", help="download damaged files again")
    parser.add_argument(
        "--dry-run", action="store_true", help="change nothing; show what --repair would download"
    )
    add_settings(parser, basic=("repository",))


def add_prune(parser: CommandParser) -> None:
    """Add the arguments of `prune`."""
    add_dry_run(parser)
    add_settings(parser, basic=("repository", "max_deletes"))


def add_delete(parser: CommandParser) -> None:
    """Add the arguments of `delete`."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="project, release (NAME==VERSION, NAME<2) or file name",
    )
    parser.add_argument("--reason", metavar="TEXT", help="reason to record in the history")
    add_dry_run(parser)
    add_settings(parser, basic=("repository",))


def add_store(parser: CommandParser) -> None:
    """Add the arguments of `store`."""
    parser.add_argument(
        "action",
        choices=("status", "gc"),
        help="status: count contents; gc: delete those that nothing links to",
    )
    parser.add_argument(
        "--unused-for",
        default="1d",
        metavar="AGE",
        help="gc: only what nothing has linked to for this long: 12h, 7d (default: 1d)",
    )
    add_dry_run(parser)
    add_settings(parser, basic=("store",))


def add_adopt(parser: CommandParser) -> None:
    """Add the arguments of `adopt`."""
    parser.add_argument("tree", metavar="DIR", help="directory that the program filled")
    add_dry_run(parser)
    parser.add_argument("--copy", action="store_true", help="copy files from another file system")
    keys = ("repository", "processes", "min_free_space", "max_total_size", "simple", "server")
    add_settings(parser, (*keys, *AFTER_A_RUN))
