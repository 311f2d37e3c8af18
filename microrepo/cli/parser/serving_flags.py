"""Arguments of the commands that publish: `index`, `serve`, `client-config`, `schedule`."""

from __future__ import annotations

from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.global_flags import AFTER_A_RUN, add_snapshot_name
from microrepo.cli.parser.setting_flags import add_settings


def add_index(parser: CommandParser) -> None:
    """Add the arguments of `index`."""
    add_settings(parser, ("repository", "processes", "server", "browse", *AFTER_A_RUN))


def add_serve(parser: CommandParser) -> None:
    """Add the arguments of `serve`."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    add("--port", type=int, default=8080, help="port to listen on, 0 for any (default: 8080)")
    add("--url", help="address that clients use, if a proxy is in front of the server")
    add("--password-file", metavar="FILE", help="require HTTP Basic auth with the users in FILE")
    add("--certificate", metavar="FILE", help="serve TLS with this certificate chain (PEM)")
    add("--key", metavar="FILE", help="key of the certificate, if in another file")
    add("--access-log", metavar="FILE", help="append the access log to FILE")
    add_snapshot_name(parser, "serve this snapshot, read-only, instead of the present files")
    add("--export", action="store_true", help="write server.py into the repository and exit")
    add("--print-nginx", action="store_true", help="print an nginx configuration and exit")
    add("--listen", default="8080", help="with --print-nginx: its port or address (default: 8080)")
    add_settings(parser, ("repository",))


def add_client_config(parser: CommandParser) -> None:
    """Add the arguments of `client-config`."""
    parser.add_argument("--url", help="URL of the server (default: the directory itself)")
    add_settings(parser, ("repository",))


def add_schedule(parser: CommandParser) -> None:
    """Add the arguments of `schedule`."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--install", action="store_true", help="install the schedule")
    what.add_argument("--remove", action="store_true", help="remove the schedule")
    parser.add_argument(
        "--kind",
        choices=("systemd-user", "systemd-system", "crontab", "cron.d"),
        default="systemd-user",
        help="scheduler to use (default: systemd-user)",
    )
    parser.add_argument(
        "--every", default="daily", metavar="TIME", help="how often to refresh (default: daily)"
    )
    parser.add_argument(
        "--name",
        default="refresh",
        help="name of this schedule, if you have more than one (default: refresh)",
    )
    parser.add_argument("--user", help="account that a system schedule runs as")
    add_settings(parser, ("repository",))
