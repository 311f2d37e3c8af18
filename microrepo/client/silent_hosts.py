"""Hosts that let requests time out: after some in a row, the others to that host are not sent.

Without this, a source with a thousand links to a dead host costs a thousand time-outs. A host that
answers anything meanwhile is not a silent one, whatever some of its URLs do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from microrepo.client.addresses import origin_of, public_url
from microrepo.client.transport.pace import Pace
from microrepo.client.transport.response_protocol import (
    BrokenAnswer,
    Response,
    TimedOut,
    TooSlow,
)
from microrepo.client.transport.sent_secrets import SentSecrets
from microrepo.errors import Unavailable

# As many requests as this, each with all its attempts, of which a document has three at least.
_PATIENCE = 3
_LEAST_ATTEMPTS = 3
_PAUSE_TIMEOUTS = 20


class _HostRecord:
    """What a host did of late.

    Attributes:
        silences: time-outs in a row.
        answered_at, silent_at: times of the last answer and the last time-out.
    """

    def __init__(self) -> None:
        self.silences = 0
        self.answered_at = float("-inf")
        self.silent_at = float("-inf")


class SilentHosts:
    """Record of the hosts of one client. Thread-safe: a lost count costs one time-out more.

    Args:
        timeout_s: of the client.
        attempts: attempts of one request.
        clock: seconds of a clock that does not jump.
    """

    def __init__(
        self, timeout_s: float, attempts: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout_s = timeout_s
        self._most = _PATIENCE * max(attempts, _LEAST_ATTEMPTS)
        self._clock = clock
        self._records: dict[str, _HostRecord] = {}

    def check(self, url: str) -> None:
        """Raise Unavailable if the host of a URL is given up for now."""
        record = self._records.get(origin_of(url)) if self._records else None
        if record is None or record.silences < self._most:
            return
        if self._clock() - record.silent_at < _PAUSE_TIMEOUTS * self._timeout_s:
            raise Unavailable(
                public_url(url),
                f"not requested: {record.silences} requests in a row to this host timed out",
            )

    def begin(self) -> float:
        """Return the time at which a request begins, for `note_failure`."""
        return self._clock()

    def note_answer(self, url: str) -> None:
        """Note a complete answer."""
        if self._records and (record := self._records.get(origin_of(url))) is not None:
            record.silences = 0
            record.answered_at = self._clock()

    def note_failure(self, url: str, began_at: float) -> None:
        """Note a request without a complete answer; only one that took a time-out counts."""
        now = self._clock()
        if now - began_at < 0.9 * self._timeout_s:
            return
        record = self._records.setdefault(origin_of(url), _HostRecord())
        if record.answered_at < began_at:
            record.silences += 1
            record.silent_at = now


class ObservedResponse:
    """A response whose end is noted for its host.

    Args:
        inside: the response.
        hosts: where its end is noted.
        began_at: when it was requested.
        secrets: what was sent with the request, not to be repeated in errors.
    """

    def __init__(
        self,
        inside: Response,
        url: str,
        hosts: SilentHosts,
        began_at: float,
        secrets: SentSecrets,
    ) -> None:
        self.url: str | None = url
        self._inside = inside
        self._requested = url
        self._hosts = hosts
        self._began_at = began_at
        self._secrets = secrets
        self.hold_to: Callable[[Pace], None] = inside.hold_to
        self.close: Callable[[], None] = inside.close

    @property
    def status(self) -> int:
        """The status code."""
        return self._inside.status

    @property
    def reason(self) -> str | None:
        """The reason phrase."""
        return self._inside.reason

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields."""
        return self._inside.headers

    @property
    def keeps_connection(self) -> bool:
        """Whether the server takes other requests over the same connection."""
        return self._inside.keeps_connection

    def read(self, amt: int | None = None) -> bytes:
        """Return the next bytes of the body; see `Response.read`."""
        try:
            return self._inside.read(amt)
        except BrokenAnswer as error:
            if isinstance(error, (TimedOut, TooSlow)):
                self._hosts.note_failure(self._requested, self._began_at)
            raise type(error)(self._secrets.hide(str(error))) from error

    def release_conn(self) -> None:
        """Return the connection after the whole body was read."""
        self._hosts.note_answer(self._requested)
        self._inside.release_conn()
