"""How often a refresh runs: what people write after ``--every``, for systemd and for cron.

The grammar:

- ``15min``, ``6h``: minutes that divide an hour, hours that divide a day (others drift or jump);
- ``hourly``, ``daily``, ``weekly``;
- ``04:30``: every day at that local time;
- anything else is raw: an ``OnCalendar`` expression for systemd (systemd.time(7)), five fields for
  cron (crontab(5)).
"""

from __future__ import annotations

import re

from msgspec import Struct

from microrepo.errors import ConfigError

HOUR_MIN = 60
DAY_MIN = 24 * HOUR_MIN
WEEK_MIN = 7 * DAY_MIN
MAX_DELAY_S = 1800
CLOCK_DELAY_S = 300
RAW_DELAY_S = 60
GRAMMAR = "write 15min, 6h, hourly, daily, weekly, 04:30"

_WORDS = {"hourly": HOUR_MIN, "daily": DAY_MIN, "weekly": WEEK_MIN}
_CALENDAR_WORDS = {"minutely", "monthly", "yearly", "annually", "quarterly", "semiannually"}
_PERIOD = re.compile(r"(\d{1,6})\s*(min|h)\Z")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})\Z")
_CRON_FIELD = re.compile(r"[0-9a-zA-Z*,/-]+\Z")
_CRON_ITEM = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?\Z")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class Every(Struct, frozen=True):
    """A parsed interval; exactly one of the three is set.

    Attributes:
        period_min: minutes between runs.
        clock: hour and minute of a daily run, local time.
        raw: an expression for the scheduler itself.
    """

    period_min: int | None = None
    clock: tuple[int, int] | None = None
    raw: str | None = None


def parse_every(text: str) -> Every:
    """Read what stands after ``--every``.

    Raises:
        ConfigError: an interval that no calendar can keep, or a word that means nothing.
    """
    text = " ".join(text.split())
    if text in _WORDS:
        return Every(period_min=_WORDS[text])
    if period := _PERIOD.match(text):
        minutes = int(period[1]) * (HOUR_MIN if period[2] == "h" else 1)
        return Every(period_min=_check_period(minutes, text))
    if clock := _CLOCK.match(text):
        hour, minute = int(clock[1]), int(clock[2])
        if hour > 23 or minute > 59:
            raise ConfigError(f"--every {text}: not a time of the day (00:00 to 23:59)")
        return Every(clock=(hour, minute))
    is_calendar = bool(set(text) & set("*:-")) or text in _CALENDAR_WORDS
    if not text.isprintable() or not (is_calendar or is_cron(text)):
        raise ConfigError(
            f"--every {text!r}: not an interval; {GRAMMAR}, or an expression of systemd or cron"
        )
    return Every(raw=text)


def _check_period(minutes: int, text: str) -> int:
    if minutes > 0 and (HOUR_MIN % minutes == 0 or minutes == DAY_MIN):
        return minutes
    if minutes > 0 and minutes % HOUR_MIN == 0 and DAY_MIN % minutes == 0:
        return minutes
    possible = [n for n in range(1, HOUR_MIN) if HOUR_MIN % n == 0]
    possible += [n * HOUR_MIN for n in range(1, 25) if 24 % n == 0]
    nearest = min(possible, key=lambda n: (abs(n - minutes), n))
    shown = f"{nearest}min" if nearest < HOUR_MIN else f"{nearest // HOUR_MIN}h"
    raise ConfigError(
        f"--every {text}: does not divide an hour or a day evenly; the nearest that does is {shown}"
    )


def on_calendar(every: Every) -> tuple[str, int]:
    """Return the ``OnCalendar`` expression and the random delay in seconds.

    The delay keeps many machines from asking the source in the same second.

    Raises:
        ConfigError: a raw expression that is cron's.
    """
    if every.raw is not None:
        if is_cron(every.raw):
            raise ConfigError(
                f"--every {every.raw!r}: five fields are cron's language; for systemd write "
                "an OnCalendar expression such as 'Mon..Fri 06:00', or choose a cron kind"
            )
        return every.raw, RAW_DELAY_S
    if every.clock is not None:
        hour, minute = every.clock
        return f"*-*-* {hour:02}:{minute:02}:00", CLOCK_DELAY_S
    minutes = every.period_min or DAY_MIN
    delay_s = min(minutes * 60 // 5, MAX_DELAY_S)
    for word, length in _WORDS.items():
        if minutes == length:
            return word, delay_s
    if minutes < HOUR_MIN:
        return f"*-*-* *:00/{minutes:02}:00", delay_s
    return f"*-*-* 00/{minutes // HOUR_MIN:02}:00:00", delay_s


def cron_fields(every: Every, spread: int) -> str:
    """Return the five time fields of a cron line.

    Args:
        every: the interval.
        spread: a number that differs from machine to machine. It shifts the minute, because cron
            has no random delay.

    Raises:
        ConfigError: a raw expression that is not cron's, or that never comes true.
    """
    if every.raw is not None:
        return _checked_cron(every.raw)
    if every.clock is not None:
        hour, minute = every.clock
        return f"{minute} {hour} * * *"
    minutes = every.period_min or DAY_MIN
    if minutes < HOUR_MIN:
        first = f"{spread % minutes}-59/{minutes}"
        return f"{'*' if minutes == 1 else first} * * * *"
    minute = spread % HOUR_MIN
    if minutes >= DAY_MIN:
        return f"{minute} 0 * * {'1' if minutes == WEEK_MIN else '*'}"
    return f"{minute} {'*' if minutes == HOUR_MIN else f'*/{minutes // HOUR_MIN}'} * * *"


def is_cron(text: str) -> bool:
    """Tell whether the text has the shape of five cron fields."""
    fields = text.split()
    return len(fields) == 5 and all(_CRON_FIELD.match(field) for field in fields)


def _checked_cron(text: str) -> str:
    if not is_cron(text):
        raise ConfigError(
            f"--every {text!r}: not five cron fields (minute hour day month weekday); {GRAMMAR}, "
            "or choose a systemd kind for an OnCalendar expression"
        )
    fields = text.split()
    _values(fields[0], "minute", 0, 59, [])
    _values(fields[1], "hour", 0, 23, [])
    days = _values(fields[2], "day of the month", 1, 31, [])
    months = _values(fields[3], "month", 1, 12, _MONTHS)
    _values(fields[4], "day of the week", 0, 7, _DAYS)
    # With a weekday given, cron runs when either of the two days matches (crontab(5)).
    if fields[4].startswith("*") and all(min(days) > _MONTH_DAYS[m - 1] for m in months):
        raise ConfigError(f"--every {text!r}: that day never comes")
    return " ".join(fields)


def _values(field: str, what: str, low: int, high: int, names: list[str]) -> set[int]:
    found: set[int] = set()
    for item in field.split(","):
        match = _CRON_ITEM.match(item)
        if match is None or (match[3] and match[1] and not match[2]):
            raise ConfigError(f"--every: {item!r} is no {what} of cron")
        first = _number(match[1], what, low, high, names) if match[1] else low
        last = _number(match[2], what, low, high, names) if match[2] else first
        last = last if match[1] else high
        step = int(match[3] or 1)
        if first > last or step < 1:
            raise ConfigError(f"--every: {item!r} is an empty range ({what})")
        found.update(range(first, last + 1, step))
    return found


def _number(text: str, what: str, low: int, high: int, names: list[str]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + low
    if not text.isdecimal() or not low <= int(text) <= high:
        raise ConfigError(f"--every: {text!r} is no {what} ({low} to {high})")
    return int(text)
