"""Pace of a response: how long it may be silent, and how slow it may be."""

from __future__ import annotations

import time

from microrepo.client.transport.pace import Pace
from microrepo.client.transport.pace_meter import WINDOW_TIMEOUTS, PaceMeter
from microrepo.client.transport.response_protocol import BrokenAnswer, TimedOut, TooSlow


class AnswerPace:
    """Measures what comes while somebody waits for it.

    Args:
        timeout_s: for the connection, and for each next piece.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._window_s = WINDOW_TIMEOUTS * timeout_s
        self._heard_at = time.monotonic()
        self._head_ends_at = self._heard_at + self._window_s
        self._wait_began_at = 0.0
        self._waited_s = 0.0
        self._body = PaceMeter(timeout_s)

    def hold_to(self, pace: Pace) -> None:
        """Bound the time of the whole body."""
        self._body.pace = pace

    def connect_begins(self) -> None:
        """Note that a connection is being made, which has a time-out of its own."""
        self._heard_at = time.monotonic() + self._timeout_s

    def hear(self, count_bytes: int) -> None:
        """Note that bytes came."""
        self._heard_at = time.monotonic()
        self._body.hear(count_bytes)

    def left_for_head_s(self) -> float:
        """Return how long to wait for the head at most.

        Raises:
            BrokenAnswer: the server was silent for too long.
            TooSlow: it takes too long, though it is not silent.
        """
        now = time.monotonic()
        if now >= self._head_ends_at:
            raise TooSlow(f"the head of the answer takes longer than {self._window_s:g} s")
        if now >= self._heard_at + self._timeout_s:
            raise BrokenAnswer(f"timed out: no answer for {self._timeout_s:g} s")
        return min(self._head_ends_at, self._heard_at + self._timeout_s) - now

    def begin_wait(self) -> None:
        """Note that somebody begins to wait for a piece of the body."""
        self._wait_began_at = time.monotonic()
        self._heard_at = max(self._heard_at, self._wait_began_at)

    def end_wait(self) -> None:
        """Note that nobody waits any more."""
        self._waited_s += time.monotonic() - self._wait_began_at

    def left_for_piece_s(self) -> float:
        """Return how long to wait for a piece of the body at most.

        Raises:
            BrokenAnswer: the server was silent for too long.
            TooSlow: little came in a long time.
        """
        now = time.monotonic()
        self._body.check(self._waited_s + now - self._wait_began_at)
        left_s = self._heard_at + self._timeout_s - now
        if left_s <= 0:
            raise TimedOut(f"timed out: no bytes for {self._timeout_s:g} s")
        return left_s
