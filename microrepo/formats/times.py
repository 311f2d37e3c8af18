"""Upload times: ISO 8601 text in, one sortable spelling out."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NORMALIZED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
# The range of file systems and SQLite; times after the year 2262 are not real.
_LARGEST_NS = 2**63 - 1
_FIRST = datetime(1, 1, 1, tzinfo=timezone.utc)
_LAST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc)


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 date or time; one without a zone is UTC.

    Raises:
        ValueError: the text is not such a time.
        OverflowError: it lies outside the years 1 to 9999 in UTC.
    """
    # Python 3.10's fromisoformat knows neither "Z" nor other than 3 or 6 fractional digits.
    head, dot, tail = text.strip().replace("Z", "+00:00").replace("z", "+00:00").partition(".")
    if dot:
        digits = len(tail) - len(tail.lstrip("0123456789"))
        head += "." + tail[:digits][:6].ljust(6, "0") + tail[digits:]
    moment = datetime.fromisoformat(head)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc)


def format_time(moment: datetime) -> str:
    """Write a time as ``YYYY-MM-DDTHH:MM:SS.ffffffZ`` in UTC: text order is time order."""
    plain = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return plain.isoformat(timespec="microseconds") + "Z"


def normalize_time(text: str | None) -> str | None:
    """Bring an upload time into the one spelling; None for none or an unreadable one."""
    if not text:
        return None
    try:
        if _NORMALIZED.fullmatch(text):
            datetime.fromisoformat(text[:-1])
            return text
        return format_time(parse_time(text))
    except (ValueError, OverflowError):
        return None


def to_ns(text: str | None) -> int | None:
    """Return the nanoseconds since the epoch of a normalised time, exactly.

    None for None, and for a time outside signed 64-bit numbers.
    """
    if text is None:
        return None
    value = (parse_time(text) - _EPOCH) // timedelta(microseconds=1) * 1000
    return value if abs(value) <= _LARGEST_NS else None


def from_ns(nanoseconds: int) -> str:
    """Return the normalised time of nanoseconds since the epoch, to the microsecond."""
    return format_time(_EPOCH + timedelta(microseconds=nanoseconds // 1000))


def shift(text: str, days: float) -> str:
    """Return the normalised time `days` later (or earlier, when negative).

    A result outside the years 1 to 9999 becomes the first or the last moment of these.
    """
    try:
        return format_time(parse_time(text) + timedelta(days=days))
    except OverflowError:
        return format_time(_LAST if days > 0 else _FIRST)
