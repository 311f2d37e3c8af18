"""The arguments of the commands that carry distributions from one repository to another."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from microrepo.cli.setting_flags import add_config_flags

Command = Callable[..., argparse.ArgumentParser]

NETWORK_KEYS = (
    "processes",
    "connections",
    "requests_per_second",
    "bandwidth",
    "contact",
    "proxy",
    "ca_bundle",
    "client_cert",
    "timeout_s",
    "retries",
    "allow_http",
    "require_digests",
    "min_free_space",
    "api",
)
FILTER_KEYS = (
    "package_types",
    "extensions",
    "python_versions",
    "platforms",
    "prereleases",
    "yanked",
    "uploaded_before",
    "min_age_days",
    "max_file_size",
)


def add_copying(commands: Any, command: Command) -> None:
    """Add `copy`, `push` and `mirror`."""
    _add_copy(command(commands, "copy", "copy distributions from any repository to any other",
                      module="copying", epilog=_CREDENTIALS))  # fmt: skip
    _add_push(command(commands, "push", "publish what this repository holds to another one",
                      module="copying", epilog=_CREDENTIALS))  # fmt: skip
    _add_mirror(command(commands, "mirror", "copy one release, with what it needs if you like",
                        module="mirroring", epilog=_CREDENTIALS))  # fmt: skip


_CREDENTIALS = (
    "Credentials come from the command line (user, file with the password), the URL, "
    "MICROREPO_SOURCE_USERNAME and _PASSWORD (MICROREPO_DESTINATION_...), .pypirc, netrc, the "
    "keyring command, or a question at the terminal."
)


def _add_copy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("requirements", nargs="*", metavar="REQ", help="`celery>=3.0.15`")
    parser.add_argument(
        "--source", "--source-url", default="pypi", metavar="URL|PATH",
        help="where from: PyPI (the default), an index, a directory",
    )  # fmt: skip
    parser.add_argument(
        "--destination", "--destination-url", required=True, metavar="URL|PATH",
        help="where to: an index with uploads, or a directory",
    )  # fmt: skip
    for side in ("source", "destination"):
        _add_login(parser, side)
    _add_what(parser)
    _add_how(parser)
    add_settings(parser, (*FILTER_KEYS, *NETWORK_KEYS))


def _add_push(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("destination", metavar="DESTINATION", help="index or directory")
    parser.add_argument(
        "requirements", nargs="*", metavar="REQ", help="these alone; default: all that is there"
    )
    _add_login(parser, "destination")
    parser.add_argument(
        "--exclude", "-e", action="append", default=[], metavar="REQ", dest="left_out",
        help="leave out projects or releases; may be repeated",
    )  # fmt: skip
    _add_how(parser)
    add_settings(parser, ("repository", *NETWORK_KEYS))


def _add_mirror(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the project")
    parser.add_argument("release", metavar="VERSION", help="its release: `2.1`")
    parser.add_argument(
        "--source", default="pypi", metavar="URL|PATH",
        help="where from: PyPI (the default), an index, a directory",
    )  # fmt: skip
    parser.add_argument(
        "--destination", required=True, metavar="URL|PATH",
        help="where to: an index with uploads, or a directory",
    )  # fmt: skip
    for side in ("source", "destination"):
        _add_login(parser, side)
    _add_release(parser)
    group = parser.add_argument_group("how")
    group.add_argument("--dry-run", action="store_true", help="print the plan, change nothing")
    group.add_argument(
        "--resume", action="store_true",
        help="read what the destination holds where it announces no digests; copy what differs",
    )  # fmt: skip
    group.add_argument(
        "--max-concurrent-single-package-mirror-ops", type=_count, default=20, metavar="N",
        help="releases under way at a time; fewer: more are whole after an interruption (20)",
    )  # fmt: skip
    group.add_argument(
        "--hash-cache-file", metavar="FILE",
        help="JSON file that keeps digests of local files between runs",
    )  # fmt: skip
    group.add_argument(
        "--destination-index", metavar="URL",
        help="where the destination lists what it has, if it does not tell itself",
    )  # fmt: skip
    add_settings(parser, (*FILTER_KEYS, *NETWORK_KEYS))


def _add_release(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what")
    group.add_argument(
        "--dependencies", action="store_true", help="with all releases that it needs"
    )
    group.add_argument(
        "--environment", "-e", action="append", default=[], metavar="NAME",
        help="dependencies for this environment: of the config file, or a preset; may be repeated "
        "(default: this Python)",
    )  # fmt: skip
    group.add_argument(
        "--tags", action="store_true", help="marks go along: yanked, status, serial, label"
    )
    group.add_argument("--label", metavar="LABEL", help="a mark of your own, with --tags")
    group.add_argument(
        "--template-version", metavar="VERSION",
        help="a release at the destination that this one shares content with",
    )  # fmt: skip
    group.add_argument(
        "--redirect-dependencies", action="store_true",
        help="requirements of the form `name @ URL` lead to the destination's index",
    )  # fmt: skip


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _add_login(parser: argparse.ArgumentParser, side: str) -> None:
    group = parser.add_argument_group(f"{side}'s credentials")
    group.add_argument(f"--{side}-username", metavar="USER", help="user name")
    group.add_argument(
        f"--{side}-password-file", metavar="FILE", help="file with the password in its first line"
    )


def _add_what(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what")
    group.add_argument("--all", "-a", "--all-packages", action="store_true", help="all projects")
    group.add_argument(
        "--exclude", "-e", action="append", default=[], metavar="REQ", dest="left_out",
        help="leave out projects or releases; may be repeated",
    )  # fmt: skip
    group.add_argument("--latest", action="store_true", help="the newest release of each alone")
    group.add_argument(
        "-r", "--requirement", action="append", default=[], metavar="FILE",
        help="what a requirements file names",
    )  # fmt: skip
    group.add_argument(
        "--from-versions-file", action="append", default=[], metavar="FILE|URL",
        help="the pins of a buildout configuration's [versions]",
    )  # fmt: skip


def _add_how(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how")
    group.add_argument("--dry-run", action="store_true", help="print the plan, change nothing")
    group.add_argument(
        "--replace", action="store_true", help="send over other content of the same name"
    )
    group.add_argument(
        "--no-link", action="store_true", help="copy between directories, never link"
    )
    group.add_argument(
        "--destination-index", metavar="URL",
        help="where the destination lists what it has, if it does not tell itself",
    )  # fmt: skip


def add_settings(parser: argparse.ArgumentParser, keys: tuple[str, ...]) -> None:
    """Add the flags of some options of the configuration."""
    add_config_flags(parser, only=keys)
