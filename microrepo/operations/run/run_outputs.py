"""Outputs of a run: report file, change list, metrics and hook.

The files are written under the lock. The hook runs after the lock is released and the state is
closed, so that it can copy the repository or call microrepo.
"""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.errors import MicrorepoError
from microrepo.formats.times import shift
from microrepo.operations.monitor.change_list import ListFiles, write_change_list
from microrepo.operations.records.report import Failure, Report, ReportBuilder, run_totals
from microrepo.operations.run.freshness_record import record_freshness
from microrepo.state import State, open_state
from microrepo.state.change_log import ROOT_PLACE
from microrepo.stores.atomic_write import public_mode, write_atomically
from microrepo.stores.disk_errors import disk_words
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.lock import held_lock
from microrepo.transfer.outside_command import command_environment

_log = logging.getLogger(__name__)
_LISTED_RUN = "listed_run"  # key of `meta`: change lists up to this run were written and used
_KILL_AFTER_S = 5.0
_DAYS_KEPT = 400
_FORGET_EVERY = 100


class Ended(Struct, frozen=True):
    """A finished run, for its hook.

    Attributes:
        report: file with the JSON report.
        lists: the change list; None without one, or if nothing changed.
    """

    run: int
    operation: str
    exit_code: int
    report: Path
    lists: ListFiles | None = None


def note_kill(state: State, run: int) -> bool:
    """Return, at the start of a run, whether the previous one was killed.

    It may have written pages without recording them.
    """
    was_killed = bool(state.meta("running"))
    if was_killed:
        state.changes.note(run, ROOT_PLACE)
    return was_killed


def write_outputs(
    config: Config, directory: FlatDirectory, state: State, run: int, report: Report
) -> tuple[Ended, list[Failure]]:
    """Write the outputs of a run; return the errors.

    Args:
        state: state of the repository, with the end of the run recorded.
    """
    failures: list[Failure] = []
    ended = Ended(run, report.operation, report.exit_code, directory.control / "report.json")
    with _noting("report", failures):
        text = msgspec.json.format(msgspec.json.encode(report), indent=2)
        write_atomically(ended.report, text + b"\n", public_mode(), follow=False)
    with _noting("time of the update", failures):
        record_freshness(config, directory, report)
    if config.change_list is not None:
        with _noting("change list", failures):
            lists = _write_lists(config, directory, state, run)
            ended = msgspec.structs.replace(ended, lists=lists)
    if config.metrics_file is not None:
        with _noting("metrics", failures):
            _write_metrics(config, directory, state)
    if run % _FORGET_EVERY == 0:
        with state.transaction():
            state.changes.forget_before(shift(report.started_at, -_DAYS_KEPT))
    return ended, failures


def _write_lists(
    config: Config, directory: FlatDirectory, state: State, run: int
) -> ListFiles | None:
    listed = state.meta(_LISTED_RUN)
    first = run if listed is None else int(listed) + 1
    if not state.changes.any(first, run):
        return None  # keep the previous list for readers that have not used it yet
    suffix = f"-{run:06}" if config.change_list_history else ""
    folder = Path(str(config.change_list))
    lists = write_change_list(state, directory, folder, suffix, first, run)
    # With a hook, the list grows until the hook succeeds.
    with state.transaction():
        state.set_meta(_LISTED_RUN, str(first - 1 if config.hook else run))
    return lists


def _write_metrics(config: Config, directory: FlatDirectory, state: State) -> None:
    from microrepo.operations.monitor.health import examine
    from microrepo.operations.monitor.metrics import prometheus_text

    found = examine(state, directory, now(), float("inf"), config)
    path = Path(str(config.metrics_file))
    write_atomically(path, prometheus_text(found).encode(), public_mode())


@contextmanager
def _noting(what: str, failures: list[Failure]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        failures.append(Failure(what, f"{error.filename or ''}: {disk_words(error)}"))
    except (MicrorepoError, sqlite3.Error) as error:
        failures.append(Failure(what, str(error)))


# --- the hook -------------------------------------------------------------------------------------


@contextmanager
def followed_by_hook(
    config: Config, directory: FlatDirectory, report: ReportBuilder
) -> Iterator[list[Ended]]:
    """Run the hook after the lock is released; not after Ctrl-C."""
    ended: list[Ended] = []
    try:
        yield ended
    except Exception:
        _follow(config, directory, report, ended)
        raise
    _follow(config, directory, report, ended)


def _follow(
    config: Config, directory: FlatDirectory, report: ReportBuilder, ended: Sequence[Ended]
) -> None:
    if not config.hook or not ended:
        return
    failure = run_hook(config, ended[0], os.environ)
    if failure:
        _log.warning("hook: %s", failure)
        report.failed.append(Failure("hook", failure))
    elif ended[0].lists is None:
        return
    # If another run has started, it continues from the last list that was used.
    with suppress(MicrorepoError, sqlite3.Error), held_lock(directory):
        state, _ = open_state(directory.state_file)
        try:
            if failure:
                final = report.build()
                record_failure(config, directory, state, ended[0].run, final)
            elif ended[0].lists is not None:
                mark_taken(state, ended[0].run)
        finally:
            state.close()


def run_hook(config: Config, ended: Ended, environ: Mapping[str, str]) -> str:
    """Run the configured command; return the error, "" on success.

    Args:
        environ: environment of this process.
    """
    _log.info("hook: %s", config.hook[0])
    process: subprocess.Popen[bytes] | None = None
    try:
        with _signals_held_back():
            # Its output goes to standard error: standard output is for data.
            process = subprocess.Popen(
                config.hook,
                stdin=subprocess.DEVNULL,
                stdout=2,
                env=hook_environment(config, ended, environ),
                start_new_session=True,
            )
        code = process.wait(config.hook_timeout_s)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        return f"{config.hook[0]!r} cannot be run: {reason}"
    except subprocess.TimeoutExpired:
        return f"{config.hook[0]!r} was stopped after {config.hook_timeout_s:g} s"
    finally:
        if process is not None and process.poll() is None:
            _end(process)
    if code < 0:
        return f"{config.hook[0]!r} was killed by signal {-code}"
    return f"{config.hook[0]!r} exited with code {code}" if code else ""


def hook_environment(config: Config, ended: Ended, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a hook: that of this process, and variables about the run."""
    passed = command_environment(environ) | {
        "MICROREPO_REPOSITORY": config.repository,
        "MICROREPO_OPERATION": ended.operation,
        "MICROREPO_RUN": str(ended.run),
        "MICROREPO_EXIT_CODE": str(ended.exit_code),
        "MICROREPO_REPORT": str(ended.report),
    }
    if ended.lists is not None:
        passed |= {
            "MICROREPO_CHANGES": str(ended.lists.all),
            "MICROREPO_ADDS": str(ended.lists.adds),
            "MICROREPO_DELETES": str(ended.lists.deletes),
        }
    return passed


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM to the end of the block, so that a new hook is stopped too."""
    held: list[int] = []
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(handler := signal.getsignal(number)):
                before[number] = handler
                signal.signal(number, lambda got, _frame: held.append(got))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for got in held:
            signal.raise_signal(got)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Stop a hook and its child processes: SIGTERM, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_KILL_AFTER_S)
    process.wait()


def mark_taken(state: State, run: int) -> None:
    """Record that a hook has used the change lists up to a run."""
    with state.transaction():
        state.set_meta(_LISTED_RUN, str(run))


def record_failure(
    config: Config, directory: FlatDirectory, state: State, run: int, report: Report
) -> None:
    """Record a failed hook in the run, for `health`."""
    row = next((row for row in state.runs(100) if row.id == run), None)
    if row is None or row.ended_at is None:
        return
    with state.transaction():
        text = msgspec.json.encode(report).decode()
        code = row.exit_code or report.exit_code
        state.end_run(run, row.ended_at, code, text, run_totals(report))
    if config.metrics_file is not None:
        with _noting("metrics", []):
            _write_metrics(config, directory, state)
