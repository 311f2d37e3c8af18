"""The record of the last update, which pages for people show once it is old."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.operations.records.report import Report, ReportBuilder
from microrepo.operations.run.freshness_record import record_freshness
from microrepo.standalone.server.disk.freshness import FRESHNESS_FILE
from microrepo.standalone.server.disk.repository import Repository
from microrepo.stores.flat_directory import FlatDirectory

DAY_S = 86_400
STARTED_S = 1_780_315_200  # 2026-06-01, 12:00


@pytest.fixture
def directory(tmp_path: Path) -> FlatDirectory:
    found = FlatDirectory(tmp_path)
    found.prepare()
    return found


def report(operation: str, exit_code: int = 0) -> Report:
    made = ReportBuilder(operation, "x", "2026-06-01T12:00:00.000000Z").build()
    return msgspec.structs.replace(made, exit_code=exit_code)


def notice(directory: FlatDirectory, days: float) -> str:
    return Repository(str(directory.path)).notice(STARTED_S + days * DAY_S)


@pytest.mark.parametrize("operation", ["refresh", "import"])
def test_the_notice_comes_with_the_age(directory: FlatDirectory, operation: str) -> None:
    record_freshness(Config(max_age="P40D"), directory, report(operation, 3))
    assert notice(directory, 39.9) == ""
    assert "last updated 41 days ago" in notice(directory, 41)


@pytest.mark.parametrize(("operation", "exit_code"), [("verify", 0), ("refresh", 1)])
def test_other_runs_and_failures_update_nothing(
    directory: FlatDirectory, operation: str, exit_code: int
) -> None:
    record_freshness(Config(max_age=1), directory, report(operation, exit_code))
    assert not (directory.control / FRESHNESS_FILE).exists()


def test_without_a_limit_nothing_is_said(directory: FlatDirectory) -> None:
    record_freshness(Config(max_age="36h"), directory, report("refresh"))
    assert "last updated 47 hours ago" in notice(directory, 1.99)
    record_freshness(Config(), directory, report("refresh"))
    assert notice(directory, 4000) == ""


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"updated_s": "x", "max_age_s": 1}', b"[" * 4096]
)
def test_a_damaged_record_says_nothing(directory: FlatDirectory, content: bytes) -> None:
    (directory.control / FRESHNESS_FILE).write_bytes(content)
    assert notice(directory, 4000) == ""
