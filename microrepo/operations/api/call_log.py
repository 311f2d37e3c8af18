"""Logging for running calls of the library: level and log files."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator

from microrepo.errors import FailedCommand


class CallLog:
    """Log handlers of the running calls, one per file, and their lowest level."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._logger = logging.getLogger("microrepo")
        self._open: dict[str, tuple[logging.Handler, int]] = {}
        self._levels: list[int] = []
        self._level_before = logging.NOTSET

    @contextlib.contextmanager
    def at(self, level: int) -> Iterator[None]:
        """Lower the log level to at least `level`."""
        with self._lock:
            if not self._levels:
                self._level_before = self._logger.level
            self._levels.append(level)
            self._set_level()
        try:
            yield
        finally:
            with self._lock:
                self._levels.remove(level)
                self._set_level()

    def _set_level(self) -> None:
        before = self._level_before
        known = [*self._levels, before] if before else self._levels
        self._logger.setLevel(min(known) if self._levels else before)

    @contextlib.contextmanager
    def into(self, path: str) -> Iterator[None]:
        """Append the log to a file, with one handler however many calls name it.

        Raises:
            FailedCommand: it cannot be written to.
        """
        with self._lock:
            handler, users = self._open.get(path) or (self._make(path), 0)
            self._open[path] = handler, users + 1
        try:
            yield
        finally:
            self._leave(path)

    def _leave(self, path: str) -> None:
        with self._lock:
            handler, users = self._open.pop(path)
            if users > 1:
                self._open[path] = handler, users - 1
                return
            self._logger.removeHandler(handler)
            handler.close()

    def _make(self, path: str) -> logging.Handler:
        try:
            handler = logging.FileHandler(path, encoding="utf-8")
        except OSError as error:
            raise FailedCommand(f"{path}: cannot be written to: {error.strerror}") from error
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        self._logger.addHandler(handler)
        return handler


call_log = CallLog()
