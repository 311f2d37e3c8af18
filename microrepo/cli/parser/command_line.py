"""Parser of the whole command line: global options and the commands.

The arguments of a command are added when it is called: building a parser with all of them takes
longer than most commands.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from microrepo._version import __version__
from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.global_flags import add_global_flags

_ABOUT = "Make and keep the repository that offline machines install Python packages from."
_EPILOG = """\
Without a command: ask a few questions if there is no config file, then refresh.
Exit codes: 0 done, 1 failed, 2 usage or settings, 3 finished but something is missing,
4 the repository is locked, 130 and 143 interrupted.
"""
_CREDENTIALS = (
    "Credentials come from the options (user, file with the password), the URL, "
    "MICROREPO_SOURCE_USERNAME and _PASSWORD (MICROREPO_DESTINATION_...), .pypirc, netrc, the "
    "keyring command, or a question at the terminal."
)
_TIMES = "TIME is 15min, 6h, hourly, daily, weekly, 04:30, five cron fields, or an OnCalendar expression."
_HEALTH_CODES = "Exit codes: 0 fine, 1 failed or too old, 3 something is missing."

_AUDIT_CODES = (
    "Exit codes: 0 nothing is affected, 3 something is affected, or a requirement is not met."
)


class _Command(NamedTuple):
    """A command.

    Attributes:
        name: its handler is ``command_<name>``, its arguments are added by ``add_<name>``.
        about: one imperative sentence.
        handlers: module of the handler in `microrepo.cli.commands`.
        flags: module of the arguments in `microrepo.cli.parser`.
        epilog: text below the options.
    """

    name: str
    about: str
    handlers: str
    flags: str
    epilog: str | None = None

    @property
    def word(self) -> str:
        """The name as part of a Python name."""
        return self.name.replace("-", "_")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments of the command to its parser."""
        add_global_flags(parser)
        module: Any = import_module(f"microrepo.cli.parser.{self.flags}")
        getattr(module, f"add_{self.word}")(parser)


_COMMANDS = (
    _Command(
        "refresh",
        "Download new files and delete those that are no longer wanted",
        "refresh_commands",
        "refresh_flags",
    ),
    _Command(
        "add",
        "Add requirements to the config file and refresh them",
        "edit_commands",
        "config_flags",
    ),
    _Command(
        "remove",
        "Remove projects from the config file and refresh",
        "edit_commands",
        "config_flags",
    ),
    _Command("init", "Write a config file", "config_commands", "config_flags"),
    _Command(
        "config",
        "Show the effective settings and where each comes from",
        "config_commands",
        "config_flags",
    ),
    _Command(
        "verify",
        "Check the files against their digests",
        "maintenance_commands",
        "maintenance_flags",
    ),
    _Command(
        "prune",
        "Delete files that the settings no longer select, offline",
        "maintenance_commands",
        "maintenance_flags",
    ),
    _Command(
        "delete",
        "Delete projects, releases or files, with their pages",
        "maintenance_commands",
        "maintenance_flags",
    ),
    _Command(
        "snapshot",
        "Keep, compare and restore states of the repository",
        "snapshot.snapshot_commands",
        "snapshot.snapshot_flags",
    ),
    _Command("list", "List the files of the repository", "inspection_commands", "inspection_flags"),
    _Command(
        "stats",
        "Count projects, files and bytes by type, Python and platform",
        "inspection_commands",
        "inspection_flags",
    ),
    _Command(
        "explain", "Show why files are kept or skipped", "inspection_commands", "inspection_flags"
    ),
    _Command(
        "history",
        "Show which files were added and deleted, and why, newest first",
        "inspection_commands",
        "inspection_flags",
    ),
    _Command(
        "health",
        "Report the age and the problems of a mirror, for monitors",
        "inspection_commands",
        "inspection_flags",
        _HEALTH_CODES,
    ),
    _Command(
        "check",
        "Prove offline that requirements install from the repository",
        "target_commands",
        "target_flags",
    ),
    _Command(
        "sbom",
        "Write a bill of materials, as CycloneDX or SPDX",
        "target_commands",
        "target_flags",
    ),
    _Command(
        "audit",
        "Show which releases are vulnerable or malware, offline",
        "target_commands",
        "target_flags",
        _AUDIT_CODES,
    ),
    _Command(
        "export",
        "Write the repository, or what is new in it, as a bundle for another network",
        "gap_commands",
        "gap_flags",
    ),
    _Command(
        "receipt",
        "Write what this repository holds, for an export of what it lacks",
        "gap_commands",
        "gap_flags",
    ),
    _Command(
        "import",
        "Import a bundle that came across an air gap",
        "gap_commands",
        "gap_flags",
    ),
    _Command(
        "wants",
        "List what users asked for and did not find, for a refresh outside",
        "gap_commands",
        "gap_flags",
    ),
    _Command(
        "env", "Describe this Python as a target environment", "target_commands", "target_flags"
    ),
    _Command(
        "freeze",
        "List the installed distributions as requirements",
        "target_commands",
        "target_flags",
    ),
    _Command(
        "index",
        "Write the static simple/ index, also for files that microrepo did not download",
        "serving_commands",
        "serving_flags",
    ),
    _Command("serve", "Serve the repository over HTTP", "serving_commands", "serving_flags"),
    _Command(
        "client-config",
        "Print the settings of pip and uv for installing from the repository",
        "serving_commands",
        "serving_flags",
    ),
    _Command(
        "schedule",
        "Print, install or remove a scheduled refresh",
        "maintenance_commands",
        "serving_flags",
        _TIMES,
    ),
    _Command(
        "adopt",
        "Adopt the files of another mirror program without downloading them",
        "maintenance_commands",
        "maintenance_flags",
    ),
    _Command(
        "store",
        "Show or clean up the store that several repositories share",
        "maintenance_commands",
        "maintenance_flags",
    ),
    _Command(
        "copy",
        "Copy distributions from one repository to another",
        "copy_commands",
        "copy_flags",
        _CREDENTIALS,
    ),
    _Command(
        "push",
        "Publish files of this repository to another one",
        "copy_commands",
        "copy_flags",
        _CREDENTIALS,
    ),
    _Command(
        "mirror",
        "Copy one release, optionally with its dependencies",
        "mirror_command",
        "copy_flags",
        _CREDENTIALS,
    ),
)


def build_parser() -> CommandParser:
    """Return the parser of the whole command line."""
    parser = CommandParser(prog="microrepo", description=_ABOUT, epilog=_EPILOG)
    add_global_flags(parser, top=True)
    parser.add_argument(
        "--version", action="version", version=f"microrepo {__version__}", help="print the version"
    )
    parser.set_defaults(handler="refresh_commands:bare")
    group = parser.add_subparsers(
        title="commands", metavar="COMMAND", parser_class=CommandParser, prog=parser.prog
    )
    for command in _COMMANDS:
        about = command.about
        added: CommandParser = group.add_parser(
            command.name,
            help=about[0].lower() + about[1:],
            description=f"{about}.",
            epilog=command.epilog,
        )
        added.set_defaults(handler=f"{command.handlers}:{command.word}", command_parser=added)
        added.postpone(command.add_arguments)
    return parser
