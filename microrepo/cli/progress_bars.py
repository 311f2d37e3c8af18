"""Progress reporters of the command line: plain text, tqdm bars."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, NoReturn, TextIO

from microrepo.cli import terminal
from microrepo.reporting import Reporter, SilentReporter

if TYPE_CHECKING:
    from tqdm import tqdm


@contextlib.contextmanager
def reporting(*, quiet: bool, no_progress: bool) -> Iterator[Reporter]:
    """Yield the reporter of a run: bars on a terminal, lines otherwise, none with --quiet."""
    reporter: Reporter
    if quiet:
        reporter = SilentReporter()
    elif no_progress or not terminal.shows_bars():
        reporter = TextReporter()
    else:
        reporter = BarReporter()
    try:
        yield reporter
    finally:
        reporter.close()


class TextReporter(SilentReporter):
    """Messages as lines on standard error, without bars: for pipes and logs."""

    def say(self, text: str) -> None:
        """Write one line."""
        terminal.write_err(terminal.escape_line(text) + "\n")


class BarReporter:
    """Two bars on a terminal: project records, and bytes with their rate and remaining time."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from tqdm import tqdm  # runs without bars start without it

        self._new_bar = tqdm
        self._stream = stream or terminal.progress_stream()
        self._lock = threading.Lock()
        self._documents: tqdm[NoReturn] | None = None
        self._bytes: tqdm[NoReturn] | None = None
        self._documents_total = 0
        self._bytes_total = 0

    def expect_documents(self, count: int) -> None:
        """Begin or lengthen the first bar."""
        if count <= 0:
            return
        with self._lock:
            self._documents_total += count
            if self._documents is None:
                self._documents = self._new_bar(
                    total=count, desc="projects", unit="", file=self._stream, position=0
                )
            else:
                self._documents.total = self._documents_total
                self._documents.refresh()

    def document_done(self) -> None:
        """Move the first bar."""
        with self._lock:
            if self._documents is not None:
                self._documents.update()

    def expect_bytes(self, count_bytes: int) -> None:
        """Begin or lengthen the second bar."""
        if count_bytes <= 0:
            return
        with self._lock:
            self._bytes_total += count_bytes
            if self._bytes is None:
                self._bytes = self._new_bar(
                    total=count_bytes,
                    desc="files   ",
                    unit="B",
                    unit_scale=True,
                    file=self._stream,
                    position=1,
                )
            else:
                self._bytes.total = self._bytes_total
                self._bytes.refresh()

    def add_bytes(self, count_bytes: int) -> None:
        """Move the second bar."""
        with self._lock:
            if self._bytes is not None:
                self._bytes.update(count_bytes)

    def say(self, text: str) -> None:
        """Write one line above the bars."""
        with self._lock:
            self._new_bar.write(terminal.escape_line(text), file=self._stream)

    def close(self) -> None:
        """Leave both bars as they are."""
        with self._lock:
            for bar in (self._bytes, self._documents):
                if bar is not None:
                    bar.close()
            if self._bytes is not None:
                self._stream.write("\n")
            self._bytes = self._documents = None
