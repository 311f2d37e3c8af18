"""Answers of servers, and how they fail: the same for every transport.

Programs that ask nobody import this module; what carries requests is loaded by the first client.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from microrepo.client.addresses import masked

LONGEST_TEXT = 300


class NoAnswer(Exception):
    """A server gave no answer.

    Attributes:
        stale: on a connection that had been open for a while, which the server may just close.
    """

    def __init__(self, why: object, *, stale: bool = False) -> None:
        super().__init__(why, stale)
        self.why = why
        self.stale = stale


class BrokenAnswer(ConnectionError):
    """The body of an answer ended before it was complete."""


class TooSlow(BrokenAnswer):
    """An answer keeps coming and gets nowhere."""


class Response(Protocol):
    """An answer with its body unread.

    Attributes:
        url: that it came from, after redirects.
    """

    url: str | None

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def reason(self) -> str | None:
        """The words beside the status code."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields, by names in any case."""

    def read(self, amt: int | None = None) -> bytes:
        """Return the next bytes of the body, as it is packed; b"" at its end.

        Raises:
            OSError: it broke off.
        """

    def release_conn(self) -> None:
        """Give the connection back, after the whole body was read."""

    def close(self) -> None:
        """Give the answer up, and with an unread rest its connection too."""


def error_text(error: object) -> str:
    """Return the gist of a network error, without objects, logins and signatures."""
    text = masked(str(error))
    _, arrow, rest = text.rpartition(">: ")
    text = rest if arrow else text.removeprefix("(").partition("): ")[2] or text
    return text[:LONGEST_TEXT] or type(error).__name__
