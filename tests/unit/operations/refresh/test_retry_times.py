"""When projects that could not be had are asked for again."""

from __future__ import annotations

import pytest

from microrepo.formats.times import shift
from microrepo.model import NormalizedName
from microrepo.operations.refresh.upstream.retry_times import with_failure
from microrepo.state import ProjectRow

NOW = "2026-06-02T12:00:00.000000Z"


@pytest.mark.parametrize(
    ("failures", "minutes"),
    [(0, None), (1, 5), (2, 10), (3, 20), (10, 24 * 60), (1000, 24 * 60)],
)
def test_each_failure_doubles_the_pause_up_to_a_day(failures: int, minutes: int | None) -> None:
    row = ProjectRow(NormalizedName("foo"), "Foo", complete=True, failures=failures)
    found = with_failure(row, "gone", NOW)
    expected = None if minutes is None else shift(NOW, minutes / (24 * 60))
    assert found.retry_at == expected
    assert (found.failures, found.complete, found.error) == (failures + 1, False, "gone")
    assert found.checked_at == NOW
