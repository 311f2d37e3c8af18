"""Arguments of `snapshot` and of its actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.global_flags import add_dry_run, add_global_flags
from microrepo.cli.parser.setting_flags import add_settings

_PAGES = ("repository", "simple", "server", "browse", "processes", "min_free_space")
_NAMES = "name, `latest`, or the start of its id"


class _Action(NamedTuple):
    """An action; its handler is ``command_snapshot_<name>``."""

    name: str
    about: str
    add_arguments: Callable[[CommandParser], None]


def add_snapshot(parser: CommandParser) -> None:
    """Add the actions of `snapshot`."""
    group: Any = parser.add_subparsers(
        title="actions", metavar="ACTION", help="default: list", parser_class=CommandParser
    )
    add_settings(parser, ("repository",))
    for action in _ACTIONS:
        about = action.about
        added: CommandParser = group.add_parser(
            action.name, help=about[0].lower() + about[1:], description=f"{about}."
        )
        handler = f"snapshot.snapshot_commands:snapshot_{action.name}"
        added.set_defaults(handler=handler, command_parser=added)
        add_global_flags(added)
        action.add_arguments(added)


def _add_create(parser: CommandParser) -> None:
    parser.add_argument(
        "name", nargs="?", default="", metavar="NAME", help="default: date and number of the run"
    )
    parser.add_argument("--note", default="", metavar="TEXT", help="text that says what it is for")
    add_dry_run(parser)
    add_settings(parser, ("repository",))


def _add_list(parser: CommandParser) -> None:
    add_settings(parser, ("repository",))


def _add_show(parser: CommandParser) -> None:
    parser.add_argument("name", metavar="NAME", help=_NAMES)
    parser.add_argument(
        "--deep", action="store_true", help="read all protected contents, not only their sizes"
    )
    add_settings(parser, ("repository",))


def _add_diff(parser: CommandParser) -> None:
    parser.add_argument("old", metavar="A", help=_NAMES)
    parser.add_argument(
        "new",
        nargs="?",
        default="current",
        metavar="B",
        help="the same, or `current` for what the repository has now (default: current)",
    )
    parser.add_argument(
        "--all", action="store_true", help="show every file (default: one screen of them)"
    )
    add_settings(parser, ("repository",))


def _add_restore(parser: CommandParser) -> None:
    parser.add_argument("name", metavar="NAME", help=_NAMES)
    parser.add_argument(
        "--pin", action="store_true", help="hold later refreshes at it until `snapshot unpin`"
    )
    parser.add_argument(
        "--discard-present",
        action="store_true",
        help="do not keep the present state as a snapshot",
    )
    add_dry_run(parser)
    add_settings(parser, _PAGES)


def _add_delete(parser: CommandParser) -> None:
    parser.add_argument("names", nargs="+", metavar="NAME", help=_NAMES)
    add_dry_run(parser)
    add_settings(parser, ("repository",))


def _add_prune(parser: CommandParser) -> None:
    parser.add_argument("--keep", type=int, metavar="N", help="keep the newest N")
    parser.add_argument(
        "--keep-days", type=float, metavar="DAYS", help="keep those of the last DAYS days, too"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="also delete those that people made (default: those of refreshes and restores)",
    )
    add_dry_run(parser)
    add_settings(parser, ("repository",))


def _add_unpin(parser: CommandParser) -> None:
    add_settings(parser, ("repository",))


_ACTIONS = (
    _Action("create", "Keep what the repository has now under a name", _add_create),
    _Action("list", "List the snapshots", _add_list),
    _Action("show", "Describe a snapshot, and check that it can be restored", _add_show),
    _Action("diff", "Show what changed between two snapshots", _add_diff),
    _Action("restore", "Give the repository the files of a snapshot, offline", _add_restore),
    _Action("delete", "Delete snapshots; the files of the repository stay", _add_delete),
    _Action("prune", "Delete old snapshots", _add_prune),
    _Action("unpin", "Let refreshes change a repository again that a restore pinned", _add_unpin),
)
