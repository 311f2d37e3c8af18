"""From arguments to an exit code: parse, set up logging and signals, dispatch, explain errors."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import logging
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Iterator, Sequence
from types import FrameType

from microrepo.cli.parser import build_parser
from microrepo.errors import MicrorepoError, StateCorrupt

_log = logging.getLogger("microrepo")


class Terminated(BaseException):
    """SIGTERM arrived; travels like KeyboardInterrupt, past every handler of errors."""


def run(argv: Sequence[str] | None) -> int:
    """Parse arguments and run the command they name; see `microrepo.cli.main`."""
    parser = build_parser()
    arguments = parser.parse_args(argv)
    _show_anything()
    with _logging(arguments), _termination():
        try:
            code = _dispatch(arguments)
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read our output has enough of it; nothing more may be written there.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except KeyboardInterrupt:
            return _interrupted(130)
        except Terminated:
            return _interrupted(143)
        except MicrorepoError as error:
            return _failed(arguments, error, error.exit_code)
        except OSError as error:
            return _failed(arguments, error, 1)
        except sqlite3.Error as error:
            return _failed(arguments, StateCorrupt("the state of the repository", str(error)), 1)
    return code


def _show_anything() -> None:
    """Spell out what the encoding of standard output does not have, instead of failing over it."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _dispatch(arguments: argparse.Namespace) -> int:
    module, _, name = arguments.handler.partition(":")
    handler = getattr(importlib.import_module(f"microrepo.cli.{module}"), f"command_{name}")
    code: int = handler(arguments)
    return code


def _failed(arguments: argparse.Namespace, error: Exception, code: int) -> int:
    if arguments.debug:
        traceback.print_exc()
    text = str(error) if isinstance(error, MicrorepoError) else _os_error(error)
    _log.error("%s", text)
    return code


def _os_error(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename:
        from microrepo.stores.disk_errors import disk_words

        return f"{error.filename}: {disk_words(error)}"
    return str(error) or type(error).__name__


def _interrupted(code: int) -> int:
    _log.error("interrupted; partial downloads are kept, the next run goes on from there")
    return code


@contextlib.contextmanager
def _termination() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that it ends a run as orderly as Ctrl-C does."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Formatter(logging.Formatter):
    """Writes `microrepo: error: text`, without a level for what is merely news."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        return f"microrepo: {level}{text}"


@contextlib.contextmanager
def _logging(arguments: argparse.Namespace) -> Iterator[None]:
    level = logging.WARNING
    if arguments.debug:
        level = logging.DEBUG
    elif arguments.verbose:
        level = logging.INFO
    elif arguments.quiet:
        level = logging.ERROR
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    handlers[0].setLevel(level)
    handlers[0].setFormatter(_Formatter())
    if arguments.log_file:
        try:
            to_file = logging.FileHandler(arguments.log_file, encoding="utf-8", delay=False)
        except OSError as error:
            sys.stderr.write(f"microrepo: error: {arguments.log_file}: {error.strerror}\n")
            raise SystemExit(2) from error
        to_file.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)s %(name)s %(process)d %(message)s")
        )
        to_file.setLevel(min(level, logging.INFO))
        handlers.append(to_file)
    root = logging.getLogger("microrepo")
    root.setLevel(min(level, logging.INFO) if arguments.log_file else level)
    root.propagate = False
    root.handlers = handlers
    try:
        yield
    finally:
        root.handlers = []
        for handler in handlers:
            handler.close()
