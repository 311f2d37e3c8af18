"""Arguments of the commands that publish: `index`, `serve`, `client-config`, `schedule`."""

from __future__ import annotations

from microrepo.cli.parser.global_flags import AFTER_A_RUN, Commands
from microrepo.cli.parser.setting_flags import add_settings


def add_index(commands: Commands) -> None:
    """Add `index`."""
    about = "Write the static simple/ index, also for files that microrepo did not download"
    parser = commands.add("index", about, "serving_commands")
    add_settings(parser, ("repository", "processes", "server", "browse", *AFTER_A_RUN))


def add_serve(commands: Commands) -> None:
    """Add `serve`."""
    parser = commands.add("serve", "Serve the repository over HTTP", "serving_commands")
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    add("--port", type=int, default=8080, help="port to listen on, 0 for any (default: 8080)")
    add("--url", help="address that clients use, if a proxy is in front of the server")
    add("--password-file", metavar="FILE", help="require HTTP Basic auth with the users in FILE")
    add("--certificate", metavar="FILE", help="serve TLS with this certificate chain (PEM)")
    add("--key", metavar="FILE", help="key of the certificate, if in another file")
    add("--access-log", metavar="FILE", help="append the access log to FILE")
    add("--export", action="store_true", help="write server.py into the repository and exit")
    add("--print-nginx", action="store_true", help="print an nginx configuration and exit")
    add("--listen", default="8080", help="with --print-nginx: its port or address (default: 8080)")
    add_settings(parser, ("repository",))


def add_client_config(commands: Commands) -> None:
    """Add `client-config`."""
    about = "Print the settings of pip and uv for installing from the repository"
    parser = commands.add("client-config", about, "serving_commands")
    parser.add_argument("--url", help="URL of the server (default: the directory itself)")
    add_settings(parser, ("repository",))


def add_schedule(commands: Commands) -> None:
    """Add `schedule`."""
    about = "Print, install or remove a scheduled refresh"
    epilog = (
        "TIME is 15min, 6h, hourly, daily, weekly, 04:30, five cron fields, or an OnCalendar "
        "expression."
    )
    parser = commands.add("schedule", about, "maintenance_commands", epilog)
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
