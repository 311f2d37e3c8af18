"""Answer that libcurl receives: its head, its body as it is read, and when it has come to nothing."""

from __future__ import annotations

from typing import Any, Protocol

import pycurl

from microrepo.client.transport.libcurl.answer_pace import AnswerPace
from microrepo.client.transport.libcurl.curl_head import CurlHead, CurlHeaders
from microrepo.client.transport.libcurl.curl_loop import CurlLoop
from microrepo.client.transport.libcurl.piece_queue import PieceQueue
from microrepo.client.transport.pace import Pace
from microrepo.client.transport.response_protocol import BrokenAnswer, TooSlow
from microrepo.client.transport.sent_secrets import SentSecrets

# Received before anyone reads: beyond it the server has to wait.
_MOST_HELD_BYTES = 1 << 18


class AnswerOwner(Protocol):
    """Who made the request, and gets its handle back."""

    def take_back(self, answer: CurlAnswer) -> None:
        """Look at the connection of an answer that is complete."""

    def end(self, answer: CurlAnswer) -> None:
        """Take the handle of an answer that nobody reads any more."""


class CurlAnswer:
    """An answer on its way.

    Args:
        owner: who made the request.
        easy: libcurl's handle, with the request.
        loop: carries it.
        timeout_s: for the connection, and for each next piece.
        secrets: credentials that are not repeated.

    Attributes:
        head: of it.
        failure: why there is no more of it.
        url: its URL, after redirects.
    """

    def __init__(
        self,
        owner: AnswerOwner,
        easy: Any,
        loop: CurlLoop,
        timeout_s: float,
        secrets: SentSecrets,
    ) -> None:
        self.easy = easy
        self.url: str | None = None
        self.head = CurlHead(secrets)
        self.failure: Exception | None = None
        self._is_complete = False
        self._owner = owner
        self._loop = loop
        self._pace = AnswerPace(timeout_s)
        self._pieces = PieceQueue()
        self._wanted_bytes = 0
        self._is_paused = False

    @property
    def status(self) -> int:
        """The status code; 0 when there is none."""
        return self.head.status

    @property
    def reason(self) -> str | None:
        """The reason phrase."""
        return self.head.reason

    @property
    def headers(self) -> CurlHeaders:
        """The header fields."""
        return self.head.headers

    @property
    def keeps_connection(self) -> bool:
        """Whether the server takes other requests over the same connection."""
        return self.head.keeps_connection

    def connect_begins(self) -> None:
        """Note that a connection is being made, which has a time-out of its own."""
        self._pace.connect_begins()

    def on_header(self, line: bytes) -> int | None:
        """Take a line of the head, or of what follows the body, from libcurl."""
        self._pace.hear(len(line))
        had_head = self.head.is_complete
        if not self.head.add(line):
            self.failure = TooSlow("the answer sends headers without end")
            return -1
        if self.head.is_complete and not had_head:
            self._loop.tell(self)
        return None

    def on_body(self, piece: bytes) -> int | None:
        """Take a piece of the body from libcurl, or have it wait."""
        if self._pieces.count_bytes >= max(_MOST_HELD_BYTES, self._wanted_bytes):
            self._is_paused = True
            self._loop.note_pause(self)
            return int(pycurl.WRITEFUNC_PAUSE)
        self._pace.hear(len(piece))
        self._pieces.add(piece)
        if self._pieces.count_bytes >= self._wanted_bytes:
            self._loop.tell(self)
        return None

    def finish(self, error: str | None) -> None:
        """Note that libcurl is done with it; see `LoopTransfer.finish`."""
        self._is_complete = error is None
        if error is None:
            self._owner.take_back(self)
        elif self.failure is None:
            began = self.head.status != 0  # else libcurl says why it could not connect
            self.failure = BrokenAnswer(f"the answer broke off: {error}" if began else error)
        self._loop.remove(self)
        self._loop.tell(self)

    def await_head(self) -> None:
        """Wait until the head is here, or the answer has ended without one."""
        try:
            while not (self.head.is_complete or self._has_ended()):
                self._loop.wait(self, self._pace.left_for_head_s())
        except BrokenAnswer as why:
            self._give_up(why)

    def hold_to(self, pace: Pace) -> None:
        """Bound the time of the whole body."""
        self._pace.hold_to(pace)

    def read(self, amt: int | None = None) -> bytes:
        """Return the next bytes of the body, as it is packed; b"" at its end.

        Raises:
            BrokenAnswer: the body is incomplete.
            TooSlow: it gets nowhere.
        """
        self._wanted_bytes = amt or 1 << 62
        if self._pieces.count_bytes < self._wanted_bytes and not self._has_ended():
            self._await_pieces()
        if self._pieces.count_bytes == 0 and self.failure is not None:
            raise self.failure
        return self._pieces.take(self._wanted_bytes)

    def _has_ended(self) -> bool:
        return self._is_complete or self.failure is not None

    def _await_pieces(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self.easy.pause(pycurl.PAUSE_CONT)
        self._pace.begin_wait()
        try:
            while self._pieces.count_bytes < self._wanted_bytes and not self._has_ended():
                self._loop.wait(self, self._pace.left_for_piece_s())
        except BrokenAnswer as why:
            self._give_up(why)
        self._pace.end_wait()

    def _give_up(self, why: Exception) -> None:
        self.failure = why
        self._loop.remove(self)

    def release_conn(self) -> None:
        """Give the handle back; with an unread rest of the body, its connection is closed."""
        self.close()

    def close(self) -> None:
        """Give the answer up."""
        if self.easy is not None:
            self._loop.remove(self)
            self._owner.end(self)
            self.easy = None
