"""Execution of a parsed command: log, signals, dispatch, errors explained."""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import logging
import signal
import sqlite3
from collections.abc import Iterator
from types import FrameType

from microrepo.cli import terminal
from microrepo.cli.log_handlers import FileFormatter, TerminalHandler
from microrepo.errors import MicrorepoError, StateCorrupt
from microrepo.exit_codes import ExitCode

_log = logging.getLogger("microrepo")
# Records hold no cycles. With Python's 700, looking for some takes a fifth of a closure's time.
_OBJECTS_BETWEEN_COLLECTIONS = 20_000


class Terminated(BaseException):
    """SIGTERM arrived; like KeyboardInterrupt, no handler of errors catches it."""


def execute(arguments: argparse.Namespace) -> int:
    """Run the command that the arguments name, and return its exit code."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    with _logging(arguments), _termination():
        try:
            code = _dispatch(arguments)
            terminal.finish()
        except BrokenPipeError:
            return ExitCode.FAILED
        except KeyboardInterrupt:
            return _interrupted(ExitCode.INTERRUPTED)
        except Terminated:
            return _interrupted(ExitCode.TERMINATED)
        except MicrorepoError as error:
            return _failed(arguments, error, error.exit_code)
        except OSError as error:
            return _failed(arguments, error, ExitCode.FAILED)
        except sqlite3.Error as error:
            return _failed(
                arguments, StateCorrupt("state of the repository", str(error)), ExitCode.FAILED
            )
    return code


def _dispatch(arguments: argparse.Namespace) -> int:
    module, _, name = arguments.handler.partition(":")
    handler = getattr(
        importlib.import_module(f"microrepo.cli.commands.{module}"), f"command_{name}"
    )
    code: int = handler(arguments)
    return code


def _failed(arguments: argparse.Namespace, error: Exception, code: int) -> int:
    if arguments.debug:
        terminal.print_traceback()
    text = str(error) if isinstance(error, MicrorepoError) else _os_error(error)
    _log.error("%s", text)
    return code


def _os_error(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        from microrepo.stores.disk_errors import disk_words

        return f"{error.filename}: {disk_words(error)}"
    return str(error) or type(error).__name__


def _interrupted(code: int) -> int:
    _log.error("interrupted; the next run resumes partial downloads")
    return code


@contextlib.contextmanager
def _termination() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that it ends a run as Ctrl-C does."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _logging(arguments: argparse.Namespace) -> Iterator[None]:
    level = logging.WARNING
    if arguments.debug:
        level = logging.DEBUG
    elif arguments.verbose:
        level = logging.INFO
    elif arguments.quiet:
        level = logging.ERROR
    handlers: list[logging.Handler] = [TerminalHandler(level)]
    if arguments.log_file:
        try:
            to_file = logging.FileHandler(arguments.log_file, encoding="utf-8", delay=False)
        except OSError as error:
            terminal.fail(f"{arguments.log_file}: {error.strerror}")
            raise SystemExit(ExitCode.USAGE) from error
        to_file.setFormatter(
            FileFormatter("%(asctime)s %(levelname)s %(name)s %(process)d %(message)s")
        )
        to_file.setLevel(min(level, logging.INFO))
        handlers.append(to_file)
    root = logging.getLogger("microrepo")
    before = (root.level, root.propagate, root.handlers)
    root.setLevel(min(level, logging.INFO) if arguments.log_file else level)
    root.propagate = False
    root.handlers = handlers
    try:
        yield
    finally:
        root.level, root.propagate, root.handlers = before
        for handler in handlers:
            handler.close()
