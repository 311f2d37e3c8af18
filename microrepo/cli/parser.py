"""The commands and their arguments; global flags stand everywhere."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from microrepo._version import __version__
from microrepo.cli.copying_flags import add_copying
from microrepo.cli.setting_flags import add_config_flags

_AFTER_A_RUN = ("change_list", "change_list_history", "metrics_file", "hook", "hook_timeout_s")
_ABOUT = "Make and keep the repository that machines without the internet install Python from."
_EPILOG = """\
Without a command: the questions of a first run if there is no config file, then `refresh`.
Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 finished but something is missing,
4 another run holds the lock, 130 and 143 interrupted.
"""


class _CommandParser(argparse.ArgumentParser):
    """Takes arguments between flags too: ``refresh flask --dry-run numpy``."""

    _inside = False

    def parse_known_args(  # type: ignore[override]
        self,
        args: Sequence[str] | None = None,
        namespace: argparse.Namespace | None = None,
    ) -> tuple[argparse.Namespace, list[str]]:
        if self._inside:  # older Pythons come back here from the call below
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="microrepo",
        description=_ABOUT,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_global_flags(top=True)],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"microrepo {__version__}")
    parser.set_defaults(handler="commands:bare")
    commands = parser.add_subparsers(
        title="commands", metavar="COMMAND", parser_class=_CommandParser
    )
    _add_refresh(commands)
    _add_init(commands)
    _add_config(commands)
    _add_verify(commands)
    _add_prune(commands)
    _add_delete(commands)
    _add_looking(commands)
    _add_targets(commands)
    _add_serving(commands)
    _add_schedule(commands)
    _add_adopt(commands)
    add_copying(commands, _command)
    return parser


def _global_flags(*, top: bool = False) -> argparse.ArgumentParser:
    """Return the flags that stand before or behind the command alike."""
    parent = argparse.ArgumentParser(add_help=False)
    group = parent.add_argument_group("everywhere")

    def add(*names: str, **about: Any) -> None:
        # Behind the command only what is given there may override what was given before it.
        about["default"] = about.get("default") if top else argparse.SUPPRESS
        group.add_argument(*names, **about)

    add("--config", metavar="FILE", help="config file (default: ~/.microrepo)")
    add("-q", "--quiet", action="store_true", default=False, help="errors only")
    add("-v", "--verbose", action="store_true", default=False, help="say more")
    add("--debug", action="store_true", default=False, help="say all, with tracebacks")
    add("--no-progress", action="store_true", default=False, help="no bars")
    add("--json", action="store_true", default=False, help="print the result as JSON")
    add("--log-file", metavar="FILE", help="append a log there")
    return parent


def _command(
    commands: Any, name: str, about: str, *, module: str = "commands", epilog: str | None = None
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog=epilog,
        parents=[_global_flags()],
        allow_abbrev=False,
    )
    parser.set_defaults(handler=f"{module}:{name.replace('-', '_')}")
    return parser


def _add_refresh(commands: Any) -> None:
    parser = _command(commands, "refresh", "fetch what is new, delete what is no longer wanted")
    parser.add_argument(
        "requirements",
        nargs="*",
        metavar="REQ",
        help="refresh these projects alone (`flask`, `numpy>=1.26`); others stay as they are",
    )
    parser.add_argument(
        "-r", "--requirement", action="append", metavar="FILE", default=[],
        help="refresh what a requirements file names",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="print the plan, change nothing")
    parser.add_argument(
        "--force-check", action="store_true", help="look at every project, changed or not"
    )
    parser.add_argument(
        "--replace", action="store_true", help="fetch over files that are not ours and differ"
    )
    add_config_flags(parser)


def _add_init(commands: Any) -> None:
    parser = _command(commands, "init", "ask a few questions and write a config file")
    parser.add_argument("--yes", action="store_true", help="ask nothing; take flags and defaults")
    parser.add_argument(
        "--everything", action="store_true", help="mirror the whole index (with --yes)"
    )
    parser.add_argument("-r", "--requirement", action="append", metavar="FILE", default=[],
                        help="mirror what a requirements file names (with --yes)")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace an existing config file")
    add_config_flags(parser)


def _add_config(commands: Any) -> None:
    parser = _command(commands, "config", "show the effective settings and where each comes from")
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of the file")
    parser.add_argument("--sample", action="store_true", help="print a sample config file")
    parser.add_argument("--keys", action="store_true", help="explain every key")
    parser.add_argument(
        "--from-bandersnatch", metavar="FILE", help="translate a configuration of bandersnatch"
    )
    parser.add_argument("--from-morgan", metavar="FILE", help="translate a morgan.ini")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the translation there")
    add_config_flags(parser)


def _add_verify(commands: Any) -> None:
    parser = _command(commands, "verify", "compare the files on disk with their digests")
    parser.add_argument("--deep", action="store_true", help="read every file, also unchanged ones")
    parser.add_argument("--repair", action="store_true", help="fetch damaged files anew")
    parser.add_argument(
        "--dry-run", action="store_true", help="write nothing down; say what --repair would fetch"
    )
    add_config_flags(parser)


def _add_prune(commands: Any) -> None:
    parser = _command(commands, "prune", "delete what the configuration no longer selects, offline")
    parser.add_argument("--dry-run", action="store_true", help="print the plan, change nothing")
    add_config_flags(parser)


def _add_delete(commands: Any) -> None:
    parser = _command(commands, "delete", "delete projects, releases or files, with their pages")
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="a project, a release (`NAME==VERSION`, `NAME<2`) or a file name",
    )
    parser.add_argument("--reason", metavar="TEXT", help="why, for the history")
    parser.add_argument("--dry-run", action="store_true", help="print the plan, change nothing")
    add_config_flags(parser)


def _add_looking(commands: Any) -> None:
    listing = _command(commands, "list", "list the files that are there", module="inspection")
    listing.add_argument("projects", nargs="*", metavar="PROJECT", help="of these projects alone")
    about = "say behind each file which source its project comes from"
    listing.add_argument("--with-source", action="store_true", help=about)
    add_config_flags(listing, only=("repository",))
    about = "count projects, files and bytes by type, Python, platform"
    stats = _command(commands, "stats", about, module="inspection")
    stats.add_argument("--csv", action="store_true", help="print the tables as CSV")
    stats.add_argument(
        "--downloads",
        nargs="+",
        metavar="LOG",
        help="count downloads in access logs instead (nginx, Apache, our server; also compressed)",
    )
    stats.add_argument("--top", type=int, default=20, metavar="N", help="so many of each (20)")
    stats.add_argument(
        "--days", metavar="DIR", help="with --downloads, write a CSV file for each whole day there"
    )
    add_config_flags(stats, only=("repository",))
    explain = _command(commands, "explain", "say why files are in or out", module="inspection")
    explain.add_argument("target", metavar="FILE|PROJECT", help="a file or a project")
    add_config_flags(explain)

    about = "tell which files came and went, and why, newest first"
    history = _command(commands, "history", about, module="inspection")
    history.add_argument("project", nargs="?", metavar="PROJECT", help="of this project alone")
    history.add_argument("--limit", type=int, default=100, help="how many lines (100)")
    span = history.add_mutually_exclusive_group()
    span.add_argument(
        "--changes",
        type=int,
        nargs="?",
        const=0,
        metavar="RUN",
        help="the change list of a run instead (default: the newest)",
    )
    span.add_argument(
        "--since", type=int, metavar="RUN", help="the change list of this and all later runs"
    )
    history.add_argument(
        "--paths",
        choices=("add", "delete"),
        help="of the change list, the paths alone that came or went, for rsync and others",
    )
    add_config_flags(history, only=("repository",))
    about = "tell how old the mirror is and what is wrong with it, for monitors"
    health = _command(
        commands,
        "health",
        about,
        module="watching",
        epilog="Exit codes: 0 fine, 1 failed or too old, 3 something is missing.",
    )
    health.add_argument(
        "--max-age",
        default="2d",
        metavar="AGE",
        help="a mirror older than that is a failure: 90min, 12h, 3d (2d)",
    )
    health.add_argument(
        "--prometheus", action="store_true", help="print metrics in Prometheus' text format"
    )
    add_config_flags(health, only=("repository", "simple"))


def _add_targets(commands: Any) -> None:
    about = "prove, offline, that requirements install from the repository"
    check = _command(commands, "check", about, module="environments")
    check.add_argument("requirements", nargs="*", metavar="REQ", help="default: all that is kept")
    check.add_argument(
        "-r",
        "--requirement",
        action="append",
        metavar="FILE",
        default=[],
        help="what a requirements file names",
    )
    check.add_argument(
        "-e",
        "--environment",
        action="append",
        metavar="NAME",
        default=[],
        help="in these environments alone",
    )
    add_config_flags(check)
    about = "describe this Python as a target environment"
    env = _command(commands, "env", about, module="environments")
    env.add_argument("--name", help="what to call it")
    env.add_argument(
        "--script",
        action="store_true",
        help="print a script that does the same on a machine without microrepo",
    )
    about = "list what is installed here as requirements"
    freeze = _command(commands, "freeze", about, module="environments")
    freeze.add_argument("--mode", choices=("==", ">=", "~="), default="==", help="operator (==)")


def _add_serving(commands: Any) -> None:
    about = "write the static simple/ index anew, also beside files that microrepo did not fetch"
    index = _command(commands, "index", about, module="serving")
    add_config_flags(index, only=("repository", "processes", "server", "browse", *_AFTER_A_RUN))
    serve = _command(commands, "serve", "serve the repository over HTTP", module="serving")
    serve.add_argument("--host", default="127.0.0.1", help="address (default: this machine only)")
    serve.add_argument("--port", type=int, default=8080, help="port, 0 for any (8080)")
    serve.add_argument("--url", help="address clients use, when a proxy stands before the server")
    serve.add_argument("--password-file", metavar="FILE", help="ask for a user of this file")
    serve.add_argument("--certificate", metavar="FILE", help="serve TLS with this chain (PEM)")
    serve.add_argument("--key", metavar="FILE", help="the certificate's key, if in another file")
    serve.add_argument("--access-log", metavar="FILE", help="append the access log to this file")
    serve.add_argument("--export", action="store_true", help="put server.py beside the files, end")
    serve.add_argument("--print-nginx", action="store_true", help="print an nginx configuration")
    serve.add_argument("--listen", default="8080", help="where that nginx listens (8080)")
    add_config_flags(serve, only=("repository",))
    about = "print what pip, uv and the environment need to install from the repository"
    client = _command(commands, "client-config", about, module="serving")
    client.add_argument("--url", help="of the server; default: the directory itself")
    add_config_flags(client, only=("repository",))


def _add_adopt(commands: Any) -> None:
    about = "take over the files of another mirror program, without fetching them again"
    parser = _command(commands, "adopt", about, module="adopting")
    parser.add_argument("tree", metavar="DIR", help="the directory that it has filled")
    parser.add_argument("--dry-run", action="store_true", help="print the plan, change nothing")
    parser.add_argument(
        "--copy", action="store_true", help="copy files that lie on another file system"
    )
    keys = ("repository", "processes", "min_free_space", "max_total_size", "simple", "server")
    add_config_flags(parser, only=(*keys, *_AFTER_A_RUN))


def _add_schedule(commands: Any) -> None:
    parser = _command(
        commands,
        "schedule",
        "print, install or remove a scheduled refresh",
        epilog="Intervals: 15min, 6h, hourly, daily, weekly, HH:MM, five cron fields, or a "
        "systemd OnCalendar expression.",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--install", action="store_true", help="install it")
    what.add_argument("--remove", action="store_true", help="remove it")
    parser.add_argument(
        "--kind",
        choices=("systemd-user", "systemd-system", "crontab", "cron.d"),
        default="systemd-user",
        help="what runs it (default: systemd-user)",
    )
    parser.add_argument("--every", default="daily", metavar="TIME", help="how often (daily)")
    parser.add_argument("--name", default="refresh", help="tells several schedules apart")
    parser.add_argument("--user", help="account that a system schedule runs as")
    add_config_flags(parser, only=("repository",))
