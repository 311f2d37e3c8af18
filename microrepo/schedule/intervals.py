"""Intervals of ``--every``, translated for systemd and cron.

``15min`` and ``6h`` (minutes that divide an hour, hours that divide a day: others drift),
``hourly``, ``daily``, ``weekly``, and ``04:30`` local time are for both. Anything else is for one
scheduler: an ``OnCalendar`` expression (systemd.time(7)), or five cron fields (crontab(5)).
"""

from __future__ import annotations

import re

from msgspec import Struct

from microrepo.errors import ConfigError

_HOUR, _DAY, _WEEK = 60, 24 * 60, 7 * 24 * 60
_WORDS = {"hourly": _HOUR, "daily": _DAY, "weekly": _WEEK}
_EVEN = [n for n in range(1, 61) if 60 % n == 0] + [n * 60 for n in range(2, 25) if 24 % n == 0]
_PERIOD = re.compile(r"(\d{1,6})\s*(min|h)\Z")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})\Z")
_CALENDAR = re.compile(r".*[*:-]|(minute|month|year|annual|quarter|semiannual)ly\Z")
_CRON = re.compile(r"[\w*,/-]+(?: [\w*,/-]+){4}\Z", re.ASCII)
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


class Every(Struct, frozen=True):
    """An interval.

    Attributes:
        text: as written.
        calendar: ``OnCalendar`` expression, "" for an interval that only cron understands.
        delay_s: random delay, which keeps many machines from asking a source in the same second.
        cron: five fields, "" for an interval that only systemd understands.
    """

    text: str
    calendar: str = ""
    delay_s: int = 60
    cron: str = ""

    @property
    def is_raw(self) -> bool:
        """Whether the expression goes to the scheduler as it is."""
        return not (self.calendar and self.cron)


def parse_every(text: str, spread: int = 0) -> Every:
    """Return the interval that a text stands for.

    Args:
        text: as written.
        spread: a number that differs from machine to machine. It shifts the minute of cron, which
            has no random delay.

    Raises:
        ConfigError: an interval that no calendar can keep, or not an interval.
    """
    text = " ".join(text.split())
    minutes = _WORDS.get(text, 0)
    if period := _PERIOD.match(text):
        minutes = int(period[1]) * (60 if period[2] == "h" else 1)
        if minutes not in _EVEN:
            near = min(_EVEN, key=lambda n: (abs(n - minutes), n))
            hint = f"{near}min" if near < _HOUR else f"{near // _HOUR}h"
            raise invalid(text, f"does not divide an hour or a day evenly; did you mean {hint}?")
    if minutes:
        cron = _cron_fields(minutes, spread)
        return Every(text, _calendar(minutes), min(minutes * 60 // 5, 1800), cron)
    if clock := _CLOCK.match(text):
        hour, minute = int(clock[1]), int(clock[2])
        if hour > 23 or minute > 59:
            raise invalid(text, "a time of day is 00:00 to 23:59")
        return Every(text, f"*-*-* {hour:02}:{minute:02}:00", 300, f"{minute} {hour} * * *")
    if _CRON.match(text):
        _check_cron(text)
        return Every(text, cron=text)
    if not text.isprintable() or not _CALENDAR.match(text):
        raise invalid(text, "not an interval; write 15min, 6h, hourly, daily, weekly or 04:30")
    return Every(text, text)


def invalid(text: str, why: str) -> ConfigError:
    """Return the error of an interval."""
    return ConfigError(f"--every {text!r}: {why}")


def _calendar(minutes: int) -> str:
    if minutes < _HOUR:
        return f"*-*-* *:00/{minutes:02}:00"
    words = {length: word for word, length in _WORDS.items()}
    return words.get(minutes, f"*-*-* 00/{minutes // _HOUR:02}:00:00")


def _cron_fields(minutes: int, spread: int) -> str:
    minute = spread % _HOUR
    if minutes < _HOUR:
        return f"{spread % minutes}-59/{minutes} * * * *" if minutes > 1 else "* * * * *"
    if minutes >= _DAY:
        return f"{minute} 0 * * {'1' if minutes == _WEEK else '*'}"
    return f"{minute} {'*' if minutes == _HOUR else f'*/{minutes // _HOUR}'} * * *"


def _check_cron(text: str) -> None:
    # A file in /etc/cron.d is read by the daemon only, which reports a bad line nowhere but its log.
    try:
        minute, hour, day, month, weekday = text.split()
        _expand(minute, 0, 59)
        _expand(hour, 0, 23)
        _expand(weekday, 0, 7, _WEEKDAYS)
        first_day, months = min(_expand(day, 1, 31)), _expand(month, 1, 12, _MONTHS)
    except ValueError:
        why = "not five valid cron fields (minute hour day month weekday), see crontab(5)"
        raise invalid(text, why) from None
    # With a weekday given, cron runs when either of the two days matches (crontab(5)).
    if weekday.startswith("*") and all(first_day > _MONTH_DAYS[m - 1] for m in months):
        raise invalid(text, "that day never occurs")


def _expand(field: str, low: int, high: int, names: list[str] | None = None) -> set[int]:
    """Return the values of a field; ValueError for what cron refuses."""
    found: set[int] = set()
    for item in field.lower().split(","):
        span, slash, step = item.partition("/")
        words = [str(low), str(high)] if span == "*" else span.split("-", 1)
        if slash and len(words) == 1:
            raise ValueError(item)
        ends = [names.index(w) + low if names and w in names else int(w) for w in words]
        values = range(ends[0], ends[-1] + 1, int(step) if slash else 1)
        if not values or ends[0] < low or ends[-1] > high:
            raise ValueError(item)
        found.update(values)
    return found
