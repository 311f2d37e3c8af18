"""Pauses between attempts."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from microrepo.client.retry_delays import LONGEST_WAIT_S, backoff_s, retry_after_s

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("5", 5.0),
        (" 7 ", 7.0),
        ("soon", None),
        ("-5", None),
        ("9" * 90, LONGEST_WAIT_S),
        ("9" * 5000, None),
        ("١", None),  # noqa: RUF001
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2099 00:00:00 GMT", LONGEST_WAIT_S),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", None),
    ],
)
def test_retry_after(header: str | None, expected: float | None) -> None:
    assert retry_after_s(header, NOW) == expected


def test_the_first_retry_comes_at_once_and_the_last_within_two_minutes() -> None:
    pauses = [backoff_s(attempt, 1.0) for attempt in range(100)]
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_WAIT_S
