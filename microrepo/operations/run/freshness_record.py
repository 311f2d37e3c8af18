"""Record of when a repository was last brought up to date, for pages for people."""

from __future__ import annotations

from contextlib import suppress

from microrepo.config.schema import Config
from microrepo.config.sizes import parse_days
from microrepo.exit_codes import ExitCode
from microrepo.formats.times import parse_time
from microrepo.operations.records.report import Report
from microrepo.standalone.server.disk.freshness import (
    FRESHNESS_FILE,
    Freshness,
    freshness_content,
)
from microrepo.stores.atomic_write import public_mode, write_atomically
from microrepo.stores.flat_directory import FlatDirectory

_UPDATES = frozenset({"refresh", "import"})
_ENDED = frozenset({ExitCode.DONE, ExitCode.INCOMPLETE})


def record_freshness(config: Config, directory: FlatDirectory, report: Report) -> None:
    """Write the time of a run that brought the repository up to date, if its age has a limit.

    Raises:
        OSError: it cannot be written.
    """
    if report.operation not in _UPDATES or report.exit_code not in _ENDED or report.refused:
        return
    path = directory.control / FRESHNESS_FILE
    if config.max_age is None:
        with suppress(FileNotFoundError):
            path.unlink()
        return
    max_age_s = parse_days(config.max_age, "max_age") * 86_400
    updated_s = parse_time(report.started_at).timestamp()
    content = freshness_content(Freshness(updated_s, max_age_s))
    write_atomically(path, content, public_mode(), follow=False)
