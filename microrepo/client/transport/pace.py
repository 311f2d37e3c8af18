"""Paces that bodies of responses are held to."""

from __future__ import annotations

from msgspec import Struct


class Pace(Struct, frozen=True):
    """Longest time that a body may take: some time-outs, and a time that its size earns.

    Attributes:
        timeouts: what each body may take, in time-outs.
        bytes_per_s: what arrived earns time at this rate.
    """

    timeouts: float
    bytes_per_s: int

    def longest_s(self, timeout_s: float, count_bytes: int) -> float:
        """Return how long a body may take of which some bytes have arrived."""
        return self.timeouts * timeout_s + count_bytes / self.bytes_per_s


CONTENT = Pace(20, 1_000)
"""Content of files, which later runs resume."""
DOCUMENT = Pace(20, 100_000)
"""Documents, pages and metadata."""
UNREAD = Pace(1, 100_000)
"""Bodies that are read only to use their connection again."""
