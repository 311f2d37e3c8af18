"""Upload times: many spellings in, one sortable spelling out."""

from __future__ import annotations

import pytest

from microrepo.formats.times import normalize_time, parse_time, shift, to_ns


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2024-05-31T12:34:56.123456Z", "2024-05-31T12:34:56.123456Z", id="normal"),
        pytest.param("2024-05-31T12:34:56Z", "2024-05-31T12:34:56.000000Z", id="whole seconds"),
        pytest.param("2024-05-31T12:34:56.1Z", "2024-05-31T12:34:56.100000Z", id="one digit"),
        pytest.param("2024-05-31T12:34:56.123456789Z", "2024-05-31T12:34:56.123456Z", id="nine"),
        pytest.param("2024-05-31T12:34:56", "2024-05-31T12:34:56.000000Z", id="no zone is UTC"),
        pytest.param("2024-05-31T12:34:56+02:00", "2024-05-31T10:34:56.000000Z", id="other zone"),
        pytest.param("2024-05-31T12:34:56.5-05:30", "2024-05-31T18:04:56.500000Z", id="both"),
        pytest.param("2024-05-31", "2024-05-31T00:00:00.000000Z", id="date alone"),
        pytest.param(" 2024-05-31 ", "2024-05-31T00:00:00.000000Z", id="spaces around"),
        pytest.param("2024-05-31T12:34:56z", "2024-05-31T12:34:56.000000Z", id="small z"),
        pytest.param("0099-01-01", "0099-01-01T00:00:00.000000Z", id="year keeps four digits"),
    ],
)
def test_spellings_of_a_time(text: str, expected: str) -> None:
    assert normalize_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("yesterday", id="words"),
        pytest.param("2024-02-30T00:00:00.000000Z", id="no such day"),
        pytest.param("2024-13-01T00:00:00.000000Z", id="no such month"),
        pytest.param("XXXXXXXXXXXXXXXXXXX.XXXXXXZ", id="length and marks of a time alone"),
        pytest.param("2024-01-01T99:00:00.000000Z", id="no such hour"),
        pytest.param("٢٠٢٤-05-31T12:34:56.123456Z", id="digits of another script"),
        pytest.param("0001-01-01T00:00:00+14:00", id="before the first year in UTC"),
        pytest.param("9999-12-31T23:59:59-14:00", id="after the last year in UTC"),
        pytest.param("2024-05-31T12:34:56.Z.Z", id="two fractions"),
        pytest.param("\x00", id="control character"),
    ],
)
def test_unreadable_time_is_none(text: str | None) -> None:
    assert normalize_time(text) is None


def test_text_order_is_time_order() -> None:
    texts = ["0099-01-01", "1999-12-31T23:59:59.9Z", "2000-01-01", "2000-01-01T00:00:00.000001Z"]
    normalized = [normalize_time(text) or "" for text in texts]
    assert normalized == sorted(normalized)


def test_parse_time_says_what_is_no_time() -> None:
    with pytest.raises(ValueError, match="soon"):
        parse_time("soon")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(None, None, id="none"),
        pytest.param("1970-01-01T00:00:00.000000Z", 0, id="epoch"),
        pytest.param("2024-05-31T12:34:56.123456Z", 1717158896123456000, id="exact"),
        pytest.param("1969-12-31T23:59:59.999999Z", -1000, id="before the epoch"),
        pytest.param("2262-04-11T00:00:00.000000Z", 9223286400000000000, id="last that fits"),
        pytest.param("9999-12-31T23:59:59.000000Z", None, id="too late for 64 bits"),
        pytest.param("0001-01-01T00:00:00.000000Z", None, id="too early for 64 bits"),
    ],
)
def test_nanoseconds(text: str | None, expected: int | None) -> None:
    assert to_ns(text) == expected


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        pytest.param(1, "2024-03-01T12:00:00.000000Z", id="over a leap day's end"),
        pytest.param(-29, "2024-01-31T12:00:00.000000Z", id="back"),
        pytest.param(0.5, "2024-03-01T00:00:00.000000Z", id="half a day"),
        pytest.param(1e9, "9999-12-31T23:59:59.999999Z", id="beyond the last year"),
        pytest.param(-1e9, "0001-01-01T00:00:00.000000Z", id="beyond the first year"),
    ],
)
def test_shift(days: float, expected: str) -> None:
    assert shift("2024-02-29T12:00:00.000000Z", days) == expected
