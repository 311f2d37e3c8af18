"""Delays before a request is sent again. Pure."""

from __future__ import annotations

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

# Upper limit of a pause.
LONGEST_WAIT_S = 120.0
_FIRST_S = 0.25


def backoff_s(attempt: int, jitter: float) -> float:
    """Return the pause after the attempt of this number; the first failure is retried at once.

    Args:
        attempt: from 0 on.
        jitter: between 0 and 1.
    """
    if attempt < 1:
        return 0.0
    return min(LONGEST_WAIT_S, _FIRST_S * (2.0 ** min(attempt, 16) + jitter))


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Return the pause in a `Retry-After` header, None for a missing or invalid one."""
    text = (header or "").strip()
    if not text or len(text) > 100:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT_S)
    try:
        moment = parsedate_to_datetime(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        seconds = (moment - now).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(seconds, 0.0), LONGEST_WAIT_S)
