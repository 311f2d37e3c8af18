"""Retry times of failing projects."""

from __future__ import annotations

import msgspec

from microrepo.formats.times import shift
from microrepo.state import ProjectRow

_FIRST_RETRY_DAYS = 5 / (24 * 60)
_LAST_RETRY_DAYS = 1.0


def with_failure(row: ProjectRow, error: str, now: str) -> ProjectRow:
    """Return the row of a project that failed again.

    The next run retries after a first failure; each further failure doubles the pause.
    """
    failures = row.failures + 1
    delay_days = min(_LAST_RETRY_DAYS, _FIRST_RETRY_DAYS * 2 ** min(failures - 2, 20))
    return msgspec.structs.replace(
        row,
        complete=False,
        checked_at=now,
        error=error,
        failures=failures,
        retry_at=shift(now, delay_days) if failures > 1 else None,
    )
