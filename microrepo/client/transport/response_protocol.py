"""Responses of servers and their errors, for every transport.

Programs without network access import this module; the first client loads the transport.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from microrepo.client.addresses import masked

if TYPE_CHECKING:
    from microrepo.client.transport.pace import Pace

LONGEST_TEXT = 300


class NoAnswer(Exception):
    """No response from a server.

    Attributes:
        stale: on a connection that had been open for a while, which the server may have closed.
    """

    def __init__(self, why: object, *, stale: bool = False) -> None:
        super().__init__(why, stale)
        self.why = why
        self.stale = stale


class BrokenAnswer(ConnectionError):
    """The body of a response is incomplete."""


class TimedOut(BrokenAnswer):
    """No bytes of a response came for too long."""


class TooSlow(BrokenAnswer):
    """A response is too slow or endless."""


class Overdue(TooSlow):
    """A response is not slow at any moment, but takes too long; another attempt would, too."""


class Response(Protocol):
    """A response with its body unread.

    Attributes:
        url: its URL, after redirects.
    """

    url: str | None

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def reason(self) -> str | None:
        """The reason phrase."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields, by names in any case."""

    @property
    def keeps_connection(self) -> bool:
        """Whether the server takes other requests over the same connection."""

    def hold_to(self, pace: Pace) -> None:
        """Bound the time of the whole body; without a call it is that of a file."""

    def read(self, amt: int | None = None) -> bytes:
        """Return the next bytes of the body, as it is packed; b"" at its end.

        Raises:
            OSError: the connection broke.
        """

    def release_conn(self) -> None:
        """Return the connection after the whole body was read."""

    def close(self) -> None:
        """Discard the response, and its connection if part of the body is unread."""


def error_text(error: object) -> str:
    """Return a short text of a network error, without objects, logins and signatures."""
    text = masked(str(error))
    _, arrow, rest = text.rpartition(">: ")
    text = rest if arrow else text.removeprefix("(").partition("): ")[2] or text
    return text[:LONGEST_TEXT] or type(error).__name__
