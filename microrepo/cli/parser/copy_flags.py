"""Arguments of the commands between repositories: `copy`, `push`, `mirror`."""

from __future__ import annotations

import argparse

from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.global_flags import add_dry_run, add_requirement
from microrepo.cli.parser.setting_flags import add_settings
from microrepo.config.declared_options import filter_keys, keys_in
from microrepo.config.option_values import parse_names, split_requirements
from microrepo.config.schema import Group

_NETWORK_KEYS = (*keys_in(Group.NETWORK), "require_digests", "min_free_space", "api")
_FROM = (
    "source: pypi, an index or a directory (default: the sources of the configuration, pypi "
    "without any)"
)
_TO = "destination: an index that accepts uploads, or a directory"


def add_copy(parser: CommandParser) -> None:
    """Add the arguments of `copy`."""
    parser.add_argument("requirements", nargs="*", metavar="REQ", help="requirement (celery>=5)")
    _add_ends(parser, "-url")
    what = parser.add_argument_group("selection")
    what.add_argument(
        "--all", "-a", "--all-packages", action="store_true", help="copy all projects"
    )
    _add_exclude(what)
    what.add_argument(
        "--latest", action="store_true", help="copy only the newest release of each project"
    )
    add_requirement(what, "copy the requirements in this file; repeatable")  # type: ignore[arg-type]
    what.add_argument(
        "--from-versions-file",
        action="append",
        default=[],
        metavar="FILE|URL",
        help="copy the pins in [versions] of a buildout configuration; repeatable",
    )
    _add_how(parser)
    add_settings(parser, (*filter_keys(), *_NETWORK_KEYS))


def add_push(parser: CommandParser) -> None:
    """Add the arguments of `push`."""
    parser.add_argument("destination", metavar="DESTINATION", help=_TO.partition(": ")[2])
    parser.add_argument(
        "requirements", nargs="*", metavar="REQ", help="push only these (default: all files)"
    )
    _add_login(parser, "destination")
    _add_exclude(parser)
    _add_how(parser)
    add_settings(parser, ("repository", *_NETWORK_KEYS))


def add_mirror(parser: CommandParser) -> None:
    """Add the arguments of `mirror`."""
    parser.add_argument("name", metavar="NAME", help="project")
    parser.add_argument("release", metavar="VERSION", help="version of the release")
    _add_ends(parser)
    _add_release(parser)
    how = parser.add_argument_group("mode")
    add_dry_run(how)
    how.add_argument(
        "--resume",
        action="store_true",
        help="read files of a destination that announces no digests; copy those that differ",
    )
    how.add_argument(
        "--max-concurrent-single-package-mirror-ops",
        type=_count,
        default=20,
        metavar="N",
        help="releases to copy at once (default: 20); fewer leaves more complete releases if "
        "interrupted",
    )
    how.add_argument(
        "--hash-cache-file",
        metavar="FILE",
        help="JSON file that keeps digests of local files between runs",
    )
    _add_destination_index(how)
    add_settings(parser, (*filter_keys(), *_NETWORK_KEYS))


def _add_release(parser: CommandParser) -> None:
    group = parser.add_argument_group("selection")
    group.add_argument("--dependencies", action="store_true", help="also copy its dependencies")
    group.add_argument(
        "--environment",
        "-e",
        action="extend",
        type=parse_names,
        default=[],
        metavar="NAME",
        help="resolve dependencies for this environment: one of the config file, or a preset; "
        "repeatable (default: this Python)",
    )
    group.add_argument(
        "--tags",
        action="store_true",
        help="also copy release metadata: yanked, status, serial, label",
    )
    group.add_argument("--label", metavar="LABEL", help="set a label; requires --tags")
    group.add_argument(
        "--template-version",
        metavar="VERSION",
        help="release at the destination to reuse content from",
    )
    group.add_argument(
        "--redirect-dependencies",
        action="store_true",
        help="rewrite requirements `name @ URL` to the destination's index",
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _add_ends(parser: CommandParser, alias: str = "") -> None:
    def names(side: str) -> list[str]:
        return [f"--{side}", *([f"--{side}{alias}"] if alias else [])]

    parser.add_argument(*names("source"), metavar="URL|PATH", help=_FROM)
    parser.add_argument(*names("destination"), required=True, metavar="URL|PATH", help=_TO)
    for side in ("source", "destination"):
        _add_login(parser, side)


def _add_login(parser: CommandParser, side: str) -> None:
    group = parser.add_argument_group(f"credentials of the {side}")
    group.add_argument(f"--{side}-username", metavar="USER", help="user name")
    group.add_argument(
        f"--{side}-password-file", metavar="FILE", help="file with the password in its first line"
    )


def _add_exclude(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--exclude",
        "-e",
        action="extend",
        type=split_requirements,
        default=[],
        metavar="REQ",
        dest="left_out",
        help="skip a project or release; repeatable",
    )


def _add_how(parser: CommandParser) -> None:
    group = parser.add_argument_group("mode")
    add_dry_run(group)
    group.add_argument(
        "--replace", action="store_true", help="overwrite files of the same name that differ"
    )
    group.add_argument(
        "--no-link", action="store_true", help="copy between directories instead of linking"
    )
    group.add_argument(
        "--no-verify",
        action="store_true",
        help="link files that are as recorded without reading them",
    )
    _add_destination_index(group)


def _add_destination_index(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--destination-index",
        metavar="URL",
        help="index that lists the destination's files, if the endpoint does not name it",
    )
