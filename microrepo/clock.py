"""Current time, in the form of the state and reports."""

from __future__ import annotations

from datetime import datetime, timezone

from microrepo.formats.times import format_time


def now() -> str:
    """Return the current time, normalised."""
    return format_time(datetime.now(timezone.utc))
