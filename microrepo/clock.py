"""The present, as the state and reports write it."""

from __future__ import annotations

from datetime import datetime, timezone

from microrepo.formats.times import format_time


def now() -> str:
    """Return the present as a normalised time."""
    return format_time(datetime.now(timezone.utc))
