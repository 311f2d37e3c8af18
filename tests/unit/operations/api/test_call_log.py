"""The log of calls under way: the lowest level wins, and a file is opened once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from microrepo.errors import FailedCommand
from microrepo.operations.api.call_log import CallLog

LOGGER = logging.getLogger("microrepo")


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    before = LOGGER.level
    LOGGER.setLevel(logging.WARNING)
    yield
    LOGGER.setLevel(before)


def test_the_call_that_wants_most_decides() -> None:
    log = CallLog()
    with log.at(logging.INFO):
        assert LOGGER.level == logging.INFO
        with log.at(logging.DEBUG), log.at(logging.ERROR):
            assert LOGGER.level == logging.DEBUG
        assert LOGGER.level == logging.INFO
    assert LOGGER.level == logging.WARNING


def test_two_calls_share_a_file(tmp_path: Path) -> None:
    log, path = CallLog(), tmp_path / "log"
    handlers = len(LOGGER.handlers)
    with log.into(str(path)):
        with log.into(str(path)):
            LOGGER.error("once")
        assert len(LOGGER.handlers) == handlers + 1
        LOGGER.error("twice")
    LOGGER.error("never")
    assert len(LOGGER.handlers) == handlers
    assert [line.rpartition(" ")[2] for line in path.read_text().splitlines()] == ["once", "twice"]


def test_a_file_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(FailedCommand, match="nowhere"), CallLog().into(str(tmp_path / "nowhere/x")):
        pass
