"""Who is told how a run goes on: nobody, or a person watching two bars."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, NoReturn, Protocol, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm


class Reporter(Protocol):
    """Told of a run's progress. Bytes may be reported from another thread."""

    def expect_documents(self, count: int) -> None:
        """So many more project records will be asked for."""

    def document_done(self) -> None:
        """One of them is there (or failed)."""

    def expect_bytes(self, count_bytes: int) -> None:
        """So many more bytes will be fetched or read."""

    def add_bytes(self, count_bytes: int) -> None:
        """So many of them are there."""

    def say(self, text: str) -> None:
        """Tell a person something, past the bars."""

    def close(self) -> None:
        """The run is over."""


class SilentReporter:
    """Tells nobody."""

    def expect_documents(self, count: int) -> None:
        """Do nothing."""

    def document_done(self) -> None:
        """Do nothing."""

    def expect_bytes(self, count_bytes: int) -> None:
        """Do nothing."""

    def add_bytes(self, count_bytes: int) -> None:
        """Do nothing."""

    def say(self, text: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class TextReporter(SilentReporter):
    """Says what there is to say on a stream, without bars: for pipes and logs."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def say(self, text: str) -> None:
        """Write one line."""
        self._stream.write(text + "\n")
        self._stream.flush()


class BarReporter:
    """Two bars on a terminal: project records, and bytes with their rate and remaining time."""

    def __init__(self, stream: TextIO | None = None) -> None:
        from tqdm import tqdm  # runs that nobody watches start without it

        self._new_bar = tqdm
        self._stream = stream or sys.stderr
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
            self._new_bar.write(text, file=self._stream)

    def close(self) -> None:
        """Leave both bars as they stand."""
        with self._lock:
            for bar in (self._bytes, self._documents):
                if bar is not None:
                    bar.close()
            if self._bytes is not None:
                self._stream.write("\n")
            self._bytes = self._documents = None
