"""Failures of the last refresh, as its report has them."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.exit_codes import ExitCode
from microrepo.model import NormalizedName
from microrepo.operations.inspect.recorded_failures import recorded_failures
from microrepo.operations.records.report import Failure, ReportBuilder, run_totals
from microrepo.state import State
from tests.support.shelf import NOW, Shelf

APP = NormalizedName("app")
UNMET = Failure("app>2 for linux", "no version fits", ("app",))


def record(state: State, operation: str, *failed: Failure, text: str = "") -> None:
    builder = ReportBuilder(operation, "here", NOW)
    builder.failed += failed
    report = builder.build()
    with state.transaction():
        run = state.start_run(NOW, operation)
        body = text or msgspec.json.encode(report).decode()
        state.end_run(run, NOW, ExitCode.INCOMPLETE, body, run_totals(report))


def test_the_last_refresh_tells(shelf: Shelf) -> None:
    assert recorded_failures(shelf.state).about(APP) == ()
    record(shelf.state, "refresh", UNMET, Failure("b-1.0.tar.gz", "HTTP 404"))
    record(shelf.state, "prune")
    assert recorded_failures(shelf.state).about(APP) == (UNMET,)
    record(shelf.state, "refresh")
    assert recorded_failures(shelf.state).about(APP) == ()


@pytest.mark.parametrize("text", ["{", "{}", '{"failed": [{"what": "app", "why": "x"}]}'])
def test_reports_of_earlier_versions(shelf: Shelf, text: str) -> None:
    record(shelf.state, "refresh", text=text)
    assert recorded_failures(shelf.state).about(APP) == ()
