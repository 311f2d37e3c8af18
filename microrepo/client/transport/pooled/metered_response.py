"""Responses with limits on headers, trailers and pace.

A socket timeout only ends silence. This also ends endless headers, and responses slower than any
real connection.
"""

from __future__ import annotations

import io
import time
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, cast

from microrepo.client.transport.pace import Pace
from microrepo.client.transport.pace_meter import WINDOW_TIMEOUTS, PaceMeter
from microrepo.client.transport.response_protocol import BrokenAnswer, TooSlow

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPMessage

_BUFFER_BYTES = 1 << 16
# Heads of responses, including `100 Continue`; Python itself accepts 100 lines of 64 KiB each.
_MOST_HEAD_BYTES = 1 << 20
# Framing bytes beyond the content: a chunk of one byte has five.
_MOST_FRAMING = 8
_MOST_TRAILERS, _LONGEST_LINE = 100, 1 << 12


class _Meter(io.RawIOBase):
    """The raw stream below a response.

    Args:
        inside: the socket's stream.
        timeout_s: the socket's time-out; no limits on pace without one.
    """

    def __init__(self, inside: Any, timeout_s: float | None) -> None:
        super().__init__()
        self._inside = inside
        self._window_s = timeout_s * WINDOW_TIMEOUTS if timeout_s else None
        self.body = PaceMeter(timeout_s) if timeout_s else None
        self._allowed_bytes = _MOST_HEAD_BYTES
        self._head_ends_at = time.monotonic() + self._window_s if self._window_s else None
        self._waited_s = 0.0
        self.silent = False

    def readable(self) -> bool:
        return True

    def allow(self, count_bytes: int) -> None:
        """Begin to read a piece of the body."""
        self._head_ends_at = None
        self._allowed_bytes = _MOST_FRAMING * count_bytes + _MOST_HEAD_BYTES

    def readinto(self, buffer: Any) -> int | None:
        if self.silent:
            return 0
        started = time.monotonic()
        count: int | None = self._inside.readinto(buffer)
        if count:
            self._check(count, started)
        return count

    def _check(self, count: int, started: float) -> None:
        self._allowed_bytes -= count
        if self._allowed_bytes < 0:
            raise TooSlow("the answer sends headers without end")
        if self.body is None:
            return
        now = time.monotonic()
        if self._head_ends_at is not None:
            if now > self._head_ends_at:
                raise TooSlow(f"the head of the answer takes longer than {self._window_s:g} s")
            return
        self._waited_s += now - started
        self.body.hear(count)
        self.body.check(self._waited_s)

    def close(self) -> None:
        if not self.closed:
            self._inside.close()
        super().close()


class MeteredResponse(HTTPResponse):
    """A response within limits; `on_surplus` is called if bytes come after its end."""

    fp: Any
    headers: HTTPMessage
    on_surplus: Callable[[], None]

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._meter = _Meter(self.fp.detach(), sock.gettimeout())
        self.fp = io.BufferedReader(self._meter, _BUFFER_BYTES)

    def read(self, amt: int | None = None) -> bytes:
        """Return the next bytes of the body; b"" at its end.

        Raises:
            BrokenAnswer: the body is incomplete.
            TooSlow: it gets nowhere.
        """
        if not self._meter.closed:
            self._meter.allow(amt or 0)
        try:
            data = super().read(amt)
        except (HTTPException, ValueError) as error:
            raise BrokenAnswer(f"the answer broke off: {error!r}") from error
        if not data and amt and self.length:
            raise BrokenAnswer(f"the answer ended {self.length} bytes too early")
        return data

    def hold_to(self, pace: Pace) -> None:
        """Bound the time of the whole body."""
        if self._meter.body is not None:
            self._meter.body.pace = pace

    def _read_and_discard_trailer(self) -> None:
        # http.client's own step behind the last chunk, which has no end for it but the server's.
        for _ in range(_MOST_TRAILERS):
            line = self.fp.readline(_LONGEST_LINE)
            if line in {b"\r\n", b"\n", b""}:
                return
        raise TooSlow(f"more than {_MOST_TRAILERS} lines follow the body")

    def _close_conn(self) -> None:
        # http.client's own step at the end of a body; what is left in the buffer was not asked for.
        if self.fp is not None and not self._meter.closed:
            self._meter.silent = True
            if self.fp.peek(1):
                self.on_surplus()
        cast("Any", super())._close_conn()  # noqa: SLF001
