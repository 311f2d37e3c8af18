"""Parsers of sizes, shares, durations and version counts."""

from __future__ import annotations

import re
from decimal import Decimal

from microrepo.errors import ConfigError

_UNITS = {
    "": 1,
    "b": 1,
    "k": 10**3,
    "kb": 10**3,
    "m": 10**6,
    "mb": 10**6,
    "g": 10**9,
    "gb": 10**9,
    "t": 10**12,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*\Z")
_SHARE = re.compile(r"\s*([0-9]{1,3}(?:\.[0-9]+)?)\s*%\s*\Z")
_COUNT = re.compile(r"\s*([0-9]{1,18})\s*\Z")
_LARGEST = 2**63 - 1
_AGE = re.compile(r"([0-9]{1,9}(?:\.[0-9]+)?)\s*(min|s|m|h|d|w)(?![a-z])", re.IGNORECASE)
# ISO 8601, without the months and years that have no one length.
_DURATION = re.compile(
    r"P(?=.)(?:([0-9]{1,5})W|(?:([0-9]{1,5})D)?(?:T(?=.)(?:([0-9]{1,6})H)?(?:([0-9]{1,8})M)?"
    r"(?:([0-9]{1,9})S)?)?)",
    re.ASCII,
)
_DURATION_S = (604_800, 86_400, 3600, 60, 1)
_MOST_DAYS = 36_500
_AGE_UNITS = {"s": 1, "m": 60, "mi": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_size(value: int | str, name: str) -> int:
    """Return the bytes that `value` stands for: ``500 MB`` = 500 * 10^6, ``2 GiB`` = 2 * 2^30.

    Raises:
        ConfigError: not a size; the text begins with `name`, as in ``$.max_total_size``.
    """
    if isinstance(value, int):
        if value < 0:
            raise ConfigError(f"{name}: a size cannot be negative, got {value}")
        count_bytes = value
    else:
        match = _SIZE.match(value)
        factor = _UNITS.get(match.group(2).lower()) if match else None
        if match is None or factor is None:
            raise ConfigError(
                f"{name}: {value!r} is not a size; write a number of bytes, "
                "or like '500 MB', '2 GiB'"
            )
        count_bytes = int(Decimal(match.group(1)) * factor)
    if count_bytes > _LARGEST:
        raise ConfigError(f"{name}: no disk is that large; leave it out for no limit")
    return count_bytes


def parse_age_s(text: str, key: str) -> float:
    """Return the seconds that `text` stands for: ``90min``, ``12h``, ``1d 6h``.

    Raises:
        ConfigError: not a span of time; the text names `key`.
    """
    pieces = _AGE.findall(text)
    if not pieces or _AGE.sub("", text).strip():
        raise ConfigError(f"{key}: {text!r} is not a duration such as 90min, 12h or 3d")
    return float(sum(Decimal(number) * _AGE_UNITS[unit.lower()[:2]] for number, unit in pieces))


def parse_days(value: float | str, key: str) -> float:
    """Return the days that `value` stands for: ``3``, ``P3D``, ``PT36H``, ``P1W``, ``36h``.

    Raises:
        ConfigError: not such a span of time, or longer than a century; the text names `key`.
    """
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match:
            pairs = zip(match.groups(), _DURATION_S, strict=True)
            days = sum(int(number or 0) * unit for number, unit in pairs) / 86_400
        else:
            try:
                days = parse_age_s(value, key) / 86_400
            except ConfigError:
                raise ConfigError(
                    f"$.{key}: {value!r} is not a duration; write a number of days, or like "
                    "'P3D', 'PT36H'"
                ) from None
    else:
        days = value
    if days > _MOST_DAYS:
        raise ConfigError(f"$.{key}: longer than {_MOST_DAYS:,} days")
    return days


def parse_deletes(value: int | str, key: str) -> tuple[int | None, float | None]:
    """Return (count, share between 0 and 1); exactly one of the two is set.

    Raises:
        ConfigError: neither a number nor a percentage.
    """
    if isinstance(value, int):
        return value, None
    match = _SHARE.match(value)
    if match and float(match.group(1)) <= 100:
        return None, float(match.group(1)) / 100
    match = _COUNT.match(value)
    if match:
        return int(match.group(1)), None
    raise ConfigError(f"$.{key}: {value!r} is neither a number nor a share such as '50 %'")


def parse_versions(value: int | str, key: str) -> int | None:
    """Return how many releases to keep, None for all.

    Raises:
        ConfigError: not `latest`, `all` or a positive number.
    """
    if value == "latest":
        return 1
    if value == "all":
        return None
    if isinstance(value, int) or _COUNT.match(value):
        count = int(value)
        if count >= 1:
            return count
    raise ConfigError(f"$.{key}: {value!r} is not 'latest', 'all' or a number of releases")


def format_size(count_bytes: float) -> str:
    """Return a number of bytes for people: ``0 B``, ``1.2 MB``, ``3.4 GB`` (powers of ten)."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count_bytes) < 1000:
            return f"{count_bytes:.0f} {unit}" if unit == "B" else f"{count_bytes:.1f} {unit}"
        count_bytes /= 1000
    return f"{count_bytes:.1f} TB"
