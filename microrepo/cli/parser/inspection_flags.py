"""Arguments of the commands that only read: `list`, `stats`, `explain`, `history`, `health`."""

from __future__ import annotations

from microrepo.cli.parser.global_flags import Commands
from microrepo.cli.parser.setting_flags import add_settings

_REPOSITORY = ("repository",)


def add_list(commands: Commands) -> None:
    """Add `list`."""
    parser = commands.add("list", "List the files of the repository", "inspection_commands")
    parser.add_argument("projects", nargs="*", metavar="PROJECT", help="list only these projects")
    parser.add_argument(
        "--with-source", action="store_true", help="add the source of each file's project"
    )
    add_settings(parser, _REPOSITORY)


def add_stats(commands: Commands) -> None:
    """Add `stats`."""
    about = "Count projects, files and bytes by type, Python and platform"
    parser = commands.add("stats", about, "inspection_commands")
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


def add_explain(commands: Commands) -> None:
    """Add `explain`."""
    about = "Show why files are kept or skipped"
    parser = commands.add("explain", about, "inspection_commands")
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="project, release (`NAME==VERSION`, `NAME<2`), file name, or glob over them",
    )
    parser.add_argument(
        "--all", action="store_true", help="show every file (default: one screen of them)"
    )
    add_settings(parser, basic=_REPOSITORY)


def add_history(commands: Commands) -> None:
    """Add `history`."""
    about = "Show which files were added and deleted, and why, newest first"
    parser = commands.add("history", about, "inspection_commands")
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


def add_health(commands: Commands) -> None:
    """Add `health`."""
    about = "Report the age and the problems of a mirror, for monitors"
    epilog = "Exit codes: 0 fine, 1 failed or too old, 3 something is missing."
    parser = commands.add("health", about, "monitor_commands", epilog)
    parser.add_argument(
        "--max-age",
        default="2d",
        metavar="AGE",
        help="maximum age of a healthy mirror: 90min, 12h, 3d (default: 2d)",
    )
    parser.add_argument(
        "--prometheus", action="store_true", help="print metrics in Prometheus' text format"
    )
    add_settings(parser, ("repository", "simple"))
