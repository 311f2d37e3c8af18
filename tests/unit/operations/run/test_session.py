"""A run from its lock to its record, however it ends."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import Cancelled, ConfigError, Locked, RepositoryError
from microrepo.exit_codes import ExitCode
from microrepo.operations.run.session import open_session
from microrepo.reporting import SilentReporter
from microrepo.state import RunRow, read_state
from tests.support.shelf import Shelf


@pytest.fixture
def config(config: Config, tmp_path: Path) -> Config:
    """The default settings, for a repository that does not exist."""
    return msgspec.structs.replace(config, repository=str(tmp_path / "new"))


def run_row(config: Config) -> RunRow:
    state = read_state(Path(config.repository) / ".microrepo/state.db")
    row = state.runs(1)[0]
    assert state.meta("running") is None
    state.close()
    return row


def test_a_run_is_recorded(config: Config) -> None:
    with open_session(config, "refresh", SilentReporter()) as session:
        assert (session.report.run, session.report.dry_run) == (1, False)
        assert session.holdings.state.meta("running") == "1"
        session.report.missing.append("foo")
    row = run_row(config)
    assert (row.command, row.exit_code) == ("refresh", ExitCode.INCOMPLETE)
    assert (Path(config.repository) / ".microrepo/report.json").exists()


def test_two_runs_exclude_each_other(config: Config) -> None:
    with (
        open_session(config, "refresh", SilentReporter()),
        pytest.raises(Locked),
        open_session(config, "prune", SilentReporter()),
    ):
        pass


def test_a_reader_takes_no_lock_and_leaves_nothing(config: Config) -> None:
    with open_session(config, "verify", SilentReporter(), read_only=True) as session:
        assert session.report.dry_run
        assert list(session.holdings.state.files()) == []
    assert not Path(config.repository).exists()
    with (
        open_session(config, "refresh", SilentReporter()),
        open_session(config, "verify", SilentReporter(), read_only=True),
    ):
        pass


@pytest.mark.parametrize(
    ("error", "code", "interrupted"),
    [
        (ValueError("a fault"), ExitCode.FAILED, False),
        (ConfigError("a setting"), ExitCode.USAGE, False),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED, True),
    ],
)
def test_a_run_that_fails_is_recorded_too(
    config: Config, error: BaseException, code: int, interrupted: bool
) -> None:
    with (
        pytest.raises(type(error)),
        open_session(config, "refresh", SilentReporter()) as session,
    ):
        raise error
    assert session.report.interrupted is interrupted
    assert run_row(config).exit_code == code


def test_damage_leaves_the_mark_of_a_running_run(config: Config) -> None:
    """The next run has to look closely."""
    with (
        pytest.raises(RepositoryError),
        open_session(config, "refresh", SilentReporter()) as session,
    ):
        raise sqlite3.DatabaseError("file is not a database")
    assert session.report.failed == []
    with open_session(config, "refresh", SilentReporter()) as again:
        assert again.holdings.state_was_lost
        assert again.report.warnings


def test_a_state_that_somebody_removed_is_known_to_be_lost(config: Config) -> None:
    with open_session(config, "refresh", SilentReporter()) as session:
        assert not session.holdings.state_was_lost
    (Path(config.repository) / ".microrepo/state.db").unlink()
    with open_session(config, "refresh", SilentReporter()) as session:
        assert session.holdings.state_was_lost


def test_a_run_can_be_cancelled(config: Config) -> None:
    cancel = threading.Event()
    with open_session(config, "refresh", SilentReporter(), cancel=cancel) as session:
        session.work.check()
        cancel.set()
        with pytest.raises(Cancelled, match="refresh"):
            session.work.check()


def test_a_mistake_in_the_settings_leaves_no_directory(config: Config) -> None:
    wrong = msgspec.structs.replace(config, source="gopher://x.example/")
    with pytest.raises(ConfigError), open_session(wrong, "refresh", SilentReporter()):
        pass
    assert not Path(config.repository).exists()


def test_only_a_refresh_decides_how_pages_link(config: Config, shelf: Shelf) -> None:
    index = msgspec.structs.replace(config, files=False, repository=str(shelf.path))
    with open_session(index, "refresh", SilentReporter()) as session:
        assert not session.holdings.links.files
