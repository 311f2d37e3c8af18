"""Pace of a body: how slow it may be for a while, and how long it may take. The same for every transport.

Only the time counts in which somebody waits for bytes: a limit on bandwidth or a busy disk is not the
server's fault.
"""

from __future__ import annotations

from microrepo.client.transport.pace import CONTENT
from microrepo.client.transport.response_protocol import Overdue, TooSlow

LEAST_BYTES_PER_S = 100
WINDOW_TIMEOUTS = 2


class PaceMeter:
    """Measures one body.

    Args:
        timeout_s: for each piece of it.

    Attributes:
        pace: what it is held to.
    """

    def __init__(self, timeout_s: float) -> None:
        self.pace = CONTENT
        self._timeout_s = timeout_s
        self._count_bytes = 0
        self._window_s = WINDOW_TIMEOUTS * timeout_s
        self._window_began_s = 0.0
        self._in_window = 0

    def hear(self, count_bytes: int) -> None:
        """Note that bytes came."""
        self._count_bytes += count_bytes
        self._in_window += count_bytes

    def check(self, waited_s: float) -> None:
        """Raise TooSlow if less came in all the time waited than has to.

        Raises:
            TooSlow: little came in a window.
            Overdue: the whole takes too long.
        """
        if waited_s - self._window_began_s >= self._window_s:
            if self._in_window < LEAST_BYTES_PER_S * self._window_s:
                raise TooSlow(f"the answer is slower than {LEAST_BYTES_PER_S} bytes a second")
            self._window_began_s, self._in_window = waited_s, 0
        longest_s = self.pace.longest_s(self._timeout_s, self._count_bytes)
        if waited_s > longest_s:
            raise Overdue(
                f"the answer takes too long: {self._count_bytes:,} bytes in {longest_s:.3g} s; "
                "`timeout_s` raises the limit"
            )
