"""HTTP dates: format and parse times as RFC 9110 has them, whatever the locale."""

from __future__ import annotations

import time
from email.utils import mktime_tz, parsedate_tz

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(epoch_s: float) -> str:
    """Return a time in HTTP's format (RFC 9110), whatever the locale."""
    part = time.gmtime(epoch_s)
    clock = f"{part.tm_hour:02d}:{part.tm_min:02d}:{part.tm_sec:02d}"
    day, month = _DAYS[part.tm_wday], MONTHS[part.tm_mon - 1]
    return f"{day}, {part.tm_mday:02d} {month} {part.tm_year:04d} {clock} GMT"


def parse_http_date(text: str) -> float | None:
    """Return an HTTP date as seconds since the epoch, or None if it is none."""
    fields = parsedate_tz(text)
    try:
        return float(mktime_tz(fields)) if fields else None
    except (ValueError, OverflowError):
        return None
