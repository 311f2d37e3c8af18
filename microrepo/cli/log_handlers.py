"""Log on the terminal and in a file, both escaped."""

from __future__ import annotations

import logging
import traceback

from microrepo.cli.terminal import escape, note, write_err


class TerminalHandler(logging.Handler):
    """Log handler that writes ``microrepo: error: text``, without a level for information."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
            note(level + record.getMessage())
            if record.exc_info:
                write_err("".join(traceback.format_exception(*record.exc_info)))
        except Exception:  # noqa: BLE001 - as logging's own handlers do
            self.handleError(record)


class FileFormatter(logging.Formatter):
    """Formatter of the log file, whose reader may be a terminal too."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one entry, escaped."""
        return escape(super().format(record))
