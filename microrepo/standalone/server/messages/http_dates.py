"""HTTP dates: format and parse times as RFC 9110 has them; the present second, formatted."""

from __future__ import annotations

import time
from email.utils import mktime_tz, parsedate_tz

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(epoch_s: float) -> str:
    """Return a time in HTTP's format (RFC 9110), whatever the locale."""
    part = time.gmtime(epoch_s)
    clock = f"{part.tm_hour:02d}:{part.tm_min:02d}:{part.tm_sec:02d}"
    day, month = _DAYS[part.tm_wday], _MONTHS[part.tm_mon - 1]
    return f"{day}, {part.tm_mday:02d} {month} {part.tm_year:04d} {clock} GMT"


def parse_http_date(text: str) -> float | None:
    """Return an HTTP date as seconds since the epoch, or None if it is none."""
    fields = parsedate_tz(text)
    try:
        return float(mktime_tz(fields)) if fields else None
    except (ValueError, OverflowError):
        return None


class Clock:
    """The formatted present; `tick` brings it up to date."""

    second = 0
    date = b""
    log = ""


def tick() -> type[Clock]:
    """Return the clock, set to the present second."""
    now = int(time.time())
    if now != Clock.second:
        part = time.gmtime(now)
        Clock.date = f"Date: {http_date(now)}\r\nServer: microrepo\r\n".encode("ascii")
        month = _MONTHS[part.tm_mon - 1]
        Clock.log = (
            f"{part.tm_mday:02d}/{month}/{part.tm_year}:{time.strftime('%H:%M:%S', part)} +0000"
        )
        Clock.second = now
    return Clock
