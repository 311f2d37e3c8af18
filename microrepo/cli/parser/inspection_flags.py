"""Arguments of the commands that only read: `list`, `stats`, `explain`, `history`, `health`."""

from __future__ import annotations

from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.global_flags import add_snapshot_name
from microrepo.cli.parser.setting_flags import add_settings

_REPOSITORY = ("repository",)


def add_list(parser: CommandParser) -> None:
    """Add the arguments of `list`."""
    parser.add_argument("projects", nargs="*", metavar="PROJECT", help="list only these projects")
    add_snapshot_name(parser, "list the files of this snapshot")
    parser.add_argument(
        "--with-source", action="store_true", help="add the source of each file's project"
    )
    add_settings(parser, _REPOSITORY)


def add_stats(parser: CommandParser) -> None:
    """Add the arguments of `stats`."""
    parser.add_argument("--csv", action="store_true", help="print the tables as CSV")
    parser.add_argument(
        "--downloads",
        nargs="+",
        metavar="LOG",
        help="count downloads in access logs instead (nginx, Apache, server.py; also compressed)",
    )
    parser.add_argument(
        "--top", type=int, default=20, metavar="N", help="rows per table (default: 20)"
    )
    parser.add_argument(
        "--days", metavar="DIR", help="with --downloads: write a CSV file per whole day to DIR"
    )
    add_settings(parser, _REPOSITORY)


def add_explain(parser: CommandParser) -> None:
    """Add the arguments of `explain`."""
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="project, release (`NAME==VERSION`, `NAME<2`), file name, or glob over them",
    )
    parser.add_argument(
        "--all", action="store_true", help="show every file (default: one screen of them)"
    )
    parser.add_argument(
        "--import",
        dest="module",
        metavar="MODULE",
        help="show which projects of the repository provide a module (names: search only these)",
    )
    add_settings(parser, basic=_REPOSITORY)


def add_history(parser: CommandParser) -> None:
    """Add the arguments of `history`."""
    parser.add_argument("project", nargs="?", metavar="PROJECT", help="show only this project")
    parser.add_argument(
        "--limit", type=int, default=100, metavar="N", help="number of lines (default: 100)"
    )
    span = parser.add_mutually_exclusive_group()
    span.add_argument(
        "--changes",
        type=int,
        nargs="?",
        const=0,
        metavar="RUN",
        help="print the change list of a run (default: the newest)",
    )
    span.add_argument(
        "--since", type=int, metavar="RUN", help="print the change list of this and all later runs"
    )
    parser.add_argument(
        "--paths",
        choices=("add", "delete"),
        help="print only the added (or deleted) paths, for rsync and similar tools",
    )
    add_settings(parser, _REPOSITORY)


def add_health(parser: CommandParser) -> None:
    """Add the arguments of `health`."""
    parser.add_argument(
        "--max-age",
        metavar="AGE",
        help="maximum age of a healthy mirror: 90min, 12h, 3d (default: the setting `max_age`, or 2d)",
    )
    parser.add_argument(
        "--prometheus", action="store_true", help="print metrics in Prometheus' text format"
    )
    add_settings(parser, ("repository", "simple"))
