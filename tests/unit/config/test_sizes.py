"""Sizes, shares and counts as people write them."""

from __future__ import annotations

import pytest

from microrepo.config.sizes import (
    format_size,
    parse_days,
    parse_deletes,
    parse_size,
    parse_versions,
)
from microrepo.errors import ConfigError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (12345, 12345),
        ("0", 0),
        ("12345", 12345),
        ("500 MB", 500_000_000),
        ("500MB", 500_000_000),
        ("500 mb", 500_000_000),
        ("500 m", 500_000_000),
        ("1.5 GB", 1_500_000_000),
        ("2 GiB", 2 * 2**30),
        ("1 KiB", 1024),
        ("1 kB", 1000),
        ("1 TB", 10**12),
        ("  7 B  ", 7),
        ("0.1 kB", 100),
        ("9007199254740993", 9007199254740993),
    ],
)
def test_size(value: int | str, expected: int) -> None:
    assert parse_size(value, "key") == expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(-1, id="negative number"),
        pytest.param("-1", id="negative text"),
        pytest.param("", id="empty"),
        pytest.param("MB", id="unit alone"),
        pytest.param("5 parsecs", id="no unit of size"),
        pytest.param("1,5 GB", id="comma"),
        pytest.param("1 2 MB", id="two numbers"),
        pytest.param("1e3", id="exponent"),
        pytest.param("²", id="superscript"),
        pytest.param("٣ MB", id="digits of another script"),
        pytest.param("9" * 400, id="400 digits"),
        pytest.param("9" * 5000, id="5000 digits"),
        pytest.param(2**63, id="beyond 63 bits"),
        pytest.param("9999999999 TB", id="beyond all disks"),
    ],
)
def test_no_size(value: int | str) -> None:
    with pytest.raises(ConfigError, match=r"^\$\.max_file_size: "):
        parse_size(value, "$.max_file_size")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, (0, None)),
        (25, (25, None)),
        ("25", (25, None)),
        ("50 %", (None, 0.5)),
        ("50%", (None, 0.5)),
        ("0 %", (None, 0.0)),
        ("100 %", (None, 1.0)),
        ("12.5 %", (None, 0.125)),
    ],
)
def test_deletes(value: int | str, expected: tuple[int | None, float | None]) -> None:
    assert parse_deletes(value, "max_deletes") == expected


@pytest.mark.parametrize("value", ["", "many", "-5", "101 %", "999 %", "²", "5 %%", "9" * 5000])
def test_no_deletes(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^\$\.max_deletes: .*such as '50 %'"):
        parse_deletes(value, "max_deletes")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        (0.5, 0.5),
        (0, 0),
        ("P3D", 3),
        ("P1W", 7),
        ("PT36H", 1.5),
        ("P1DT12H", 1.5),
        ("PT90M", 0.0625),
        ("PT43200S", 0.5),
        ("P0D", 0),
        ("36h", 1.5),
        ("3d", 3),
    ],
)
def test_days(value: float | str, expected: float) -> None:
    assert parse_days(value, "min_age_days") == expected


@pytest.mark.parametrize(
    "value",
    ["", "P", "PT", "P1DT", "P1M", "P1Y", "p3d", "P-3D", "P3", "3", "P1W2D", "²", "P" * 5000],
)
def test_no_days(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^\$\.min_age_days: .*'P3D', 'PT36H'"):
        parse_days(value, "min_age_days")


@pytest.mark.parametrize("value", [36_501, "P36501D", "P99999W"])
def test_too_many_days(value: float | str) -> None:
    with pytest.raises(ConfigError, match="longer than 36,500 days"):
        parse_days(value, "min_age_days")


@pytest.mark.parametrize(
    ("value", "expected"), [("latest", 1), ("all", None), (3, 3), ("3", 3), ("1", 1)]
)
def test_versions(value: int | str, expected: int | None) -> None:
    assert parse_versions(value, "versions") == expected


@pytest.mark.parametrize("value", ["", "newest", "0", 0, -1, "-1", "1.5", "²", "9" * 5000])
def test_no_versions(value: int | str) -> None:
    with pytest.raises(ConfigError, match=r"^\$\.versions: .* 'latest', 'all'"):
        parse_versions(value, "versions")


@pytest.mark.parametrize(
    ("count_bytes", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_234_567, "1.2 MB"),
        (3_400_000_000, "3.4 GB"),
        (10**12, "1.0 TB"),
        (10**16, "10000.0 TB"),
        (-1500, "-1.5 kB"),
    ],
)
def test_size_for_people(count_bytes: int, expected: str) -> None:
    assert format_size(count_bytes) == expected
