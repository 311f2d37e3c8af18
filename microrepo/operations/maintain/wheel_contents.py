"""Check of what is inside wheels: RECORD, and all that installers look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from microrepo.errors import MalformedResponse
from microrepo.formats.distribution.wheel_checks import check_wheel
from microrepo.formats.distribution.wheel_record import RecordFindings, compare_with_record
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.maintain.content_check import in_threads
from microrepo.operations.records.report import Failure
from microrepo.standalone.server.labels import counted
from microrepo.state import FileRow
from microrepo.stores.disk_errors import disk_words

_MOST_SHOWN = 3


class _Contents(Struct, frozen=True):
    filename: str
    findings: RecordFindings


def check_contents(
    threads: int | None, directory: Path, work: WorkContext, rows: Sequence[FileRow]
) -> list[Failure]:
    """Read all members of some wheels; return those that are not as they say.

    Members that RECORD does not cover are warnings.
    """
    work.reporter.expect_bytes(sum(row.size or 0 for row in rows))
    found = in_threads(threads, work, rows, lambda row: _read(directory / row.filename))
    failed = []
    for one in sorted(found, key=lambda one: one.filename):
        if one.findings.faults:
            failed.append(Failure(one.filename, _words(one.findings.faults)))
        if one.findings.oddities:
            work.report.warn(f"{one.filename}: {_words(one.findings.oddities)}")
    work.report.notes.append(f"compared the members of {counted(len(rows), 'wheel')} with RECORD")
    return failed


def _read(path: Path) -> _Contents:
    try:
        with path.open("rb") as stream:
            check_wheel(stream, path.name)
            return _Contents(path.name, compare_with_record(stream, path.name))
    except MalformedResponse as error:
        return _Contents(path.name, RecordFindings((error.why(path.name),)))
    except OSError as error:
        return _Contents(path.name, RecordFindings((f"cannot be read: {disk_words(error)}",)))


def _words(findings: Sequence[str]) -> str:
    more = len(findings) - _MOST_SHOWN
    return "; ".join(findings[:_MOST_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
