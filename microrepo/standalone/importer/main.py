"""Command line of the importer."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from microrepo.standalone.importer.bundle_header import BundleError
from microrepo.standalone.importer.control_files import CONTROL_FOLDER
from microrepo.standalone.importer.import_run import (
    DONE,
    FAILED,
    LOCKED,
    USAGE_ERROR,
    ImportOptions,
    run_import,
)
from microrepo.standalone.importer.intake.content_survey import ContentSurvey
from microrepo.standalone.importer.intake.held_receipt import write_receipt
from microrepo.standalone.importer.intake.import_decision import Permissions
from microrepo.standalone.importer.intake.import_records import ImportRecords
from microrepo.standalone.importer.intake.release_selection import ReleaseSelection
from microrepo.standalone.importer.switch.import_journal import ImportJournal
from microrepo.standalone.importer.switch.repository_lock import RepositoryLocked

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    found = _parse(arguments)
    options = ImportOptions(
        os.path.abspath(found.repository),
        tuple(found.inputs),
        found.dry_run,
        tuple(found.select),
        found.allowed_signers,
        found.allow_unsigned,
        Permissions(found.rollback, found.new_origin),
    )
    if bool(found.receipt) == bool(found.inputs):
        return _failed("name volumes to import, or --receipt FILE", USAGE_ERROR)
    try:
        ReleaseSelection(options.select)
    except ValueError as error:
        return _failed(f"--select {error}", USAGE_ERROR)
    problem = _unfit(options.repository)
    if problem:
        return _failed(problem, USAGE_ERROR)
    try:
        if found.receipt:
            return _write_receipt(options.repository, found.receipt)
        return run_import(options, _say)
    except RepositoryLocked as error:
        return _failed(str(error), LOCKED)
    except BundleError as error:
        return _failed(str(error), FAILED)
    except OSError as error:
        return _failed(f"{error.filename or options.repository}: {error.strerror}", FAILED)
    except KeyboardInterrupt:
        return _failed("interrupted; import again to continue", _INTERRUPTED)


def _write_receipt(repository: str, path: str) -> int:
    if os.path.lexists(ImportJournal(repository).path):
        raise BundleError(
            f"{repository}: a restore or an import was killed before its end. Import again, or run "
            "`microrepo index`, then write the receipt."
        )
    records = ImportRecords(repository)
    count = write_receipt(path, ContentSurvey(repository, records.verified), records)
    _say(f"{path}: lists {count:,} files; run `microrepo export OUT --for {path}` outside")
    return DONE


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="import.py",
        description="Import a bundle of microrepo into a package repository.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("inputs", nargs="*", metavar="IN", help="volume, directory with volumes, or - for stdin")
    add("-r", "--repository", default=".", metavar="DIR", help="directory (default: the current)")
    add("--dry-run", action="store_true", help="verify the bundle and print the plan")
    add(
        "--select",
        action="append",
        default=[],
        metavar="REQ",
        help="import only what matches, now and later: NAME or NAME>=1,<2; * ends that",
    )
    add("--allowed-signers", default="", metavar="FILE", help="allowed signers, as of ssh-keygen")
    add("--allow-unsigned", action="store_true", help="accept a bundle without a signature")
    add("--rollback", action="store_true", help="accept a bundle older than the present one")
    add("--new-origin", action="store_true", help="accept a bundle of another repository")
    add("--receipt", default="", metavar="FILE", help="only write what the repository holds")
    return parser.parse_args(arguments)


def _unfit(repository: str) -> str:
    """Return why a directory cannot be a repository; "" if it can."""
    if not os.path.lexists(repository):
        return ""
    if not os.path.isdir(repository):
        return f"{repository}: is not a directory"
    names = os.listdir(repository)
    if CONTROL_FOLDER in names or "simple" in names or not names:
        return ""
    if any(name.lower().endswith((".whl", ".tar.gz")) for name in names):
        return ""
    return f"{repository}: is not a repository; name one with --repository DIR"


def _say(text: str) -> None:
    sys.stdout.write(_visible(text) + "\n")
    sys.stdout.flush()


def _failed(text: str, code: int) -> int:
    sys.stderr.write(f"error: {_visible(text)}\n")
    return code


def _visible(text: str) -> str:
    """Return a text without control characters, in what the terminal can show."""
    shown = "".join(char if char.isprintable() else "?" for char in text)
    encoding = sys.stdout.encoding or "ascii"
    return shown.encode(encoding, "replace").decode(encoding)


if __name__ == "__main__":
    sys.exit(main())
