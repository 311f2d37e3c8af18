"""Intervals of ``--every``, translated for systemd and cron.

``15min`` and ``6h`` (minutes that divide an hour, hours that divide a day: others drift),
``hourly``, ``daily``, ``weekly``, and ``04:30`` local time are for both. Anything else is for one
scheduler, which checks it: an ``OnCalendar`` expression (systemd.time(7)), or five cron fields
(crontab(5)).
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
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


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


def parse_every(text: str, spread: int = 0) -> Every:
    """Return the interval that a text stands for.

    Args:
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
            near = min(_EVEN, key=lambda n: abs(n - minutes))
            hint = f"{near}min" if near < _HOUR else f"{near // _HOUR}h"
            raise invalid(text, f"does not divide an hour or a day evenly; did you mean {hint}?")
    if minutes:
        return Every(text, _calendar(minutes), min(minutes * 60 // 5, 1800), _cron(minutes, spread))
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


def _cron(minutes: int, spread: int) -> str:
    minute = spread % _HOUR
    if minutes < _HOUR:
        return f"{spread % minutes}-59/{minutes} * * * *" if minutes > 1 else "* * * * *"
    if minutes >= _DAY:
        return f"{minute} 0 * * {'1' if minutes == _WEEK else '*'}"
    return f"{minute} {'*' if minutes == _HOUR else f'*/{minutes // _HOUR}'} * * *"


def _check_cron(text: str) -> None:
    # Nothing else checks a file in /etc/cron.d: the daemon passes over a bad line, in its log only.
    for field, (low, high) in zip(text.lower().split(), _CRON_RANGES, strict=True):
        for word in re.findall(r"\w+", field):
            if not (low <= int(word) <= high if word.isdigit() else word in _MONTHS + _WEEKDAYS):
                why = f"{word!r} is not a value of five cron fields (minute hour day month weekday)"
                raise invalid(text, f"{why}, see crontab(5)")
