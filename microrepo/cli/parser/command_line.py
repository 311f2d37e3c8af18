"""Parser of the whole command line: global options and the commands."""

from __future__ import annotations

from microrepo._version import __version__
from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.config_flags import add_config, add_edit, add_init
from microrepo.cli.parser.copy_flags import add_copy, add_mirror, add_push
from microrepo.cli.parser.global_flags import Commands, global_flags
from microrepo.cli.parser.inspection_flags import (
    add_explain,
    add_health,
    add_history,
    add_list,
    add_stats,
)
from microrepo.cli.parser.maintenance_flags import add_adopt, add_delete, add_prune, add_verify
from microrepo.cli.parser.refresh_flags import add_refresh
from microrepo.cli.parser.serving_flags import add_client_config, add_index, add_schedule, add_serve
from microrepo.cli.parser.target_flags import add_check, add_env, add_freeze

_ABOUT = "Make and keep the repository that offline machines install Python packages from."
_EPILOG = """\
Without a command: ask a few questions if there is no config file, then refresh.
Exit codes: 0 done, 1 failed, 2 usage or settings, 3 finished but something is missing,
4 the repository is locked, 130 and 143 interrupted.
"""


def build_parser() -> CommandParser:
    """Return the parser of the whole command line."""
    parser = CommandParser(
        prog="microrepo", description=_ABOUT, epilog=_EPILOG, parents=[global_flags(top=True)]
    )
    parser.add_argument(
        "--version", action="version", version=f"microrepo {__version__}", help="print the version"
    )
    parser.set_defaults(handler="refresh_commands:bare")
    commands = Commands(
        parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=CommandParser)
    )
    for add in (
        *(add_refresh, add_edit, add_init, add_config, add_verify, add_prune, add_delete),
        *(add_list, add_stats, add_explain, add_history, add_health),
        *(add_check, add_env, add_freeze, add_index, add_serve, add_client_config),
        *(add_schedule, add_adopt, add_copy, add_push, add_mirror),
    ):
        add(commands)
    return parser
