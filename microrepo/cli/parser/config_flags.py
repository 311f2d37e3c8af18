"""Arguments of the commands about the config file: `init`, `config`, `add`, `remove`."""

from __future__ import annotations

from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.global_flags import add_dry_run, add_requirement
from microrepo.cli.parser.setting_flags import add_settings


def add_init(parser: CommandParser) -> None:
    """Add the arguments of `init`."""
    parser.add_argument("--yes", action="store_true", help="do not prompt; use flags and defaults")
    parser.add_argument("--everything", action="store_true", help="mirror the whole index")
    add_requirement(parser, "mirror the projects in this file; repeatable")
    parser.add_argument(
        "--force",
        action="store_true",
        help="change an existing config file; settings that you do not name stay",
    )
    add_settings(parser)


def add_config(parser: CommandParser) -> None:
    """Add the arguments of `config`."""
    parser.add_argument("--keys", action="store_true", help="explain every setting")
    parser.add_argument("--sample", action="store_true", help="print a sample config file")
    parser.add_argument(
        "--schema", action="store_true", help="print the JSON Schema of the config file"
    )
    parser.add_argument(
        "--from-bandersnatch", metavar="FILE", help="translate a bandersnatch configuration"
    )
    parser.add_argument("--from-morgan", metavar="FILE", help="translate a morgan.ini")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="write the translation to FILE, which must be new"
    )
    add_settings(parser, basic=("repository",))


def add_add(parser: CommandParser) -> None:
    """Add the arguments of `add`."""
    _add_edit(parser, "REQ", "requirement (flask, numpy>=1.26)", count="*")
    parser.add_argument(
        "--from-wants",
        metavar="FILE",
        help="add the requirements of a file that `microrepo wants` wrote",
    )


def add_remove(parser: CommandParser) -> None:
    """Add the arguments of `remove`."""
    _add_edit(parser, "NAME", "project in `packages`", count="+")


def _add_edit(parser: CommandParser, metavar: str, about: str, *, count: str) -> None:
    parser.add_argument("requirements", nargs=count, metavar=metavar, help=about)
    parser.add_argument("--no-refresh", action="store_true", help="only change the config file")
    add_dry_run(parser)
    add_settings(parser, ("repository",))
