"""Progress reporters: the protocol, and the silent one."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """Receiver of a run's progress. Bytes may be reported from another thread."""

    def expect_documents(self, count: int) -> None:
        """Expect `count` more project records."""

    def document_done(self) -> None:
        """Report one project record as read (or failed)."""

    def expect_bytes(self, count_bytes: int) -> None:
        """Expect `count_bytes` more bytes."""

    def add_bytes(self, count_bytes: int) -> None:
        """Report `count_bytes` more bytes received."""

    def say(self, text: str) -> None:
        """Show one line of text, above the bars."""

    def close(self) -> None:
        """End the report; the run is over."""


class SilentReporter:
    """Reporter that shows nothing."""

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
