"""Arguments of the commands that lead across an air gap: `export`, `import`, `receipt`, `wants`."""

from __future__ import annotations

from microrepo.cli.parser.command_parser import CommandParser
from microrepo.cli.parser.global_flags import AFTER_A_RUN, add_dry_run
from microrepo.cli.parser.setting_flags import add_settings

_REPOSITORY = ("repository",)


def add_export(parser: CommandParser) -> None:
    """Add the arguments of `export`."""
    parser.add_argument(
        "out",
        nargs="?",
        metavar="OUT",
        help="directory for the volumes, a .tar file, or - for standard output",
    )
    base = parser.add_mutually_exclusive_group()
    base.add_argument(
        "--since",
        metavar="BASE",
        help="send what is new since a bundle (number or id) or a snapshot (default: last bundle)",
    )
    base.add_argument(
        "--for",
        dest="receipt",
        metavar="RECEIPT",
        help="send what the repository that wrote this receipt lacks",
    )
    base.add_argument("--full", action="store_true", help="send everything")
    base.add_argument("--list", action="store_true", help="list the bundles that were sent")
    parser.add_argument("--snapshot", metavar="NAME", help="send this snapshot instead")
    parser.add_argument(
        "--split", metavar="SIZE", help="largest size of a volume: 4GB, 650MiB (default: no limit)"
    )
    parser.add_argument(
        "--sign",
        metavar="KEY",
        help="sign with this SSH key (or the public key of one in an agent)",
    )
    parser.add_argument(
        "--scan",
        dest="scan_command",
        metavar="COMMAND",
        help="run this command on each new file; a file for which it exits with 1 is not sent",
    )
    parser.add_argument(
        "--sbom", action="store_true", help="carry a bill of materials along (CycloneDX)"
    )
    add_dry_run(parser)
    add_settings(parser, _REPOSITORY)


def add_receipt(parser: CommandParser) -> None:
    """Add the arguments of `receipt`."""
    parser.add_argument(
        "out", nargs="?", default="-", metavar="OUT", help="file (default: standard output)"
    )
    add_settings(parser, _REPOSITORY)


def add_import(parser: CommandParser) -> None:
    """Add the arguments of `import`."""
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="IN",
        help="volume of a bundle, directory with volumes, or - for standard input",
    )
    add_dry_run(parser)
    parser.add_argument(
        "--select",
        action="append",
        metavar="REQ",
        default=[],
        help="import only what matches, now and later: NAME or NAME>=1,<2; repeatable; * ends that",
    )
    parser.add_argument(
        "--allow-unsigned",
        action="store_true",
        help="accept a bundle without a signature although signers are configured",
    )
    parser.add_argument(
        "--rollback", action="store_true", help="accept a bundle older than the present one"
    )
    parser.add_argument(
        "--new-origin",
        action="store_true",
        help="accept a bundle of another repository than those before",
    )
    keys = ("repository", "allowed_signers", "min_free_space", "simple", "server", "browse")
    add_settings(parser, (*keys, *AFTER_A_RUN))


def add_wants(parser: CommandParser) -> None:
    """Add the arguments of `wants`."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="OUT | add REQ... | remove REQ...",
        help="file to write, - for standard output (default); or requirements to add or remove",
    )
    parser.add_argument(
        "--log",
        action="append",
        metavar="LOG",
        default=[],
        help="add what installers did not find, from an access log of the server; repeatable",
    )
    add_settings(parser, _REPOSITORY)
