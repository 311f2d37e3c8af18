"""Arguments of the commands that maintain a repository: `verify`, `prune`, `delete`, `adopt`."""

from __future__ import annotations

from microrepo.cli.parser.global_flags import AFTER_A_RUN, Commands, add_dry_run
from microrepo.cli.parser.setting_flags import add_settings


def add_verify(commands: Commands) -> None:
    """Add `verify`."""
    parser = commands.add("verify", "Check the files against their digests", "maintenance_commands")
    parser.add_argument(
        "--deep", action="store_true", help="read every file, not only those that changed"
    )
    parser.add_argument("--repair", action="store_true", help="download damaged files again")
    parser.add_argument(
        "--dry-run", action="store_true", help="change nothing; show what --repair would download"
    )
    add_settings(parser, basic=("repository",))


def add_prune(commands: Commands) -> None:
    """Add `prune`."""
    about = "Delete files that the settings no longer select, offline"
    parser = commands.add("prune", about, "maintenance_commands")
    add_dry_run(parser)
    add_settings(parser, basic=("repository", "max_deletes"))


def add_delete(commands: Commands) -> None:
    """Add `delete`."""
    about = "Delete projects, releases or files, with their pages"
    parser = commands.add("delete", about, "maintenance_commands")
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="project, release (NAME==VERSION, NAME<2) or file name",
    )
    parser.add_argument("--reason", metavar="TEXT", help="reason to record in the history")
    add_dry_run(parser)
    add_settings(parser, basic=("repository",))


def add_adopt(commands: Commands) -> None:
    """Add `adopt`."""
    about = "Adopt the files of another mirror program without downloading them"
    parser = commands.add("adopt", about, "maintenance_commands")
    parser.add_argument("tree", metavar="DIR", help="directory that the program filled")
    add_dry_run(parser)
    parser.add_argument("--copy", action="store_true", help="copy files from another file system")
    keys = ("repository", "processes", "min_free_space", "max_total_size", "simple", "server")
    add_settings(parser, (*keys, *AFTER_A_RUN))
