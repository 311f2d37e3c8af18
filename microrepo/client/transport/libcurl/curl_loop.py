"""Loop of libcurl over the transfers of one client in one thread."""

from __future__ import annotations

import os
import select
from typing import Any, Protocol

import pycurl

from microrepo.client.transport.libcurl.reactor import this_reactor
from microrepo.client.transport.waiting import this_scheduler

_IDLE_CONNECTIONS = 64
# HTTP/2 carries several answers over a connection; on a long line, few connections are slow ones.
_STREAMS_PER_CONNECTION = 4
_READABLE, _WRITABLE = select.POLLIN | select.POLLPRI, select.POLLOUT
_POLLED = {
    pycurl.POLL_IN: select.POLLIN,
    pycurl.POLL_OUT: select.POLLOUT,
    pycurl.POLL_INOUT: select.POLLIN | select.POLLOUT,
}


class LoopTransfer(Protocol):
    """A running request, as the loop needs it."""

    easy: Any

    def finish(self, error: str | None) -> None:
        """Note that libcurl is done with it: None when it is complete, else what went wrong."""


class CurlLoop:
    """Carries the transfers of one thread.

    Attributes:
        busy: file descriptors of connections with a transfer.
    """

    def __init__(self) -> None:
        self.busy: set[int] = set()
        self._watched: set[int] = set()
        self._reactor = this_reactor()
        self._scheduler = this_scheduler()
        self._pausing: list[LoopTransfer] = []
        self._transfers: dict[Any, LoopTransfer] = {}
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, _IDLE_CONNECTIONS)
        self._multi.setopt(pycurl.M_MAX_CONCURRENT_STREAMS, _STREAMS_PER_CONNECTION)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)

    def add(self, transfer: LoopTransfer) -> None:
        """Begin a transfer."""
        self._transfers[transfer.easy] = transfer
        self._multi.add_handle(transfer.easy)
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def remove(self, transfer: LoopTransfer) -> None:
        """Forget a transfer; one that is not complete costs its connection."""
        if self._transfers.pop(transfer.easy, None) is not None:
            self._multi.remove_handle(transfer.easy)

    def close(self) -> None:
        """Close the connections, unless answers still come over some."""
        if not self._transfers:
            self._multi.close()

    def release(self, descriptor: int) -> None:
        """Note that a transfer is done with its connection, unless the next one has it already."""
        if descriptor not in self._watched:
            self.busy.discard(descriptor)

    def note_pause(self, transfer: LoopTransfer) -> None:
        """Note that a transfer waits for its reader: its connection is busy, though nothing is watched."""
        self._pausing.append(transfer)

    def wait(self, transfer: LoopTransfer, most_s: float) -> None:
        """Wait until there may be news of a transfer, though not longer than `most_s`."""
        if self._scheduler is None:
            self._reactor.turn(most_s)
        else:
            self._scheduler.park(transfer, most_s)

    def tell(self, transfer: LoopTransfer) -> None:
        """Have the wait for a transfer end."""
        if self._scheduler is not None:
            self._scheduler.wake(transfer)

    def _on_event(self, descriptor: int, event: int) -> None:
        mask = pycurl.CSELECT_IN if event & _READABLE else 0
        if event & _WRITABLE:
            mask |= pycurl.CSELECT_OUT
        self._act(descriptor, mask or pycurl.CSELECT_ERR)

    def _on_time(self) -> None:
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, descriptor: int, mask: int) -> None:
        self._multi.socket_action(descriptor, mask)
        while self._pausing:
            self.busy.add(self._pausing.pop().easy.getinfo(pycurl.ACTIVESOCKET))
        while True:
            left, complete, failed = self._multi.info_read()
            for easy in complete:
                self._transfers[easy].finish(None)
            for easy, _, text in failed:
                self._transfers[easy].finish(_words_of(easy, text))
            if not left:
                return

    def _watch(self, what: int, descriptor: int, _multi: object, _data: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._watched.discard(descriptor)
            self._reactor.forget(descriptor)
        else:
            self.busy.add(descriptor)
            self._watched.add(descriptor)
            self._reactor.watch(descriptor, _POLLED.get(what, 0), self._on_event)

    def _set_timer(self, timeout_ms: int) -> None:
        self._reactor.set_timer(self._on_time, None if timeout_ms < 0 else timeout_ms / 1000)


def _words_of(easy: Any, text: str) -> str:
    """Return what went wrong, with the system's reason, which libcurl leaves out."""
    number = easy.getinfo(pycurl.OS_ERRNO)
    return f"{text}: {os.strerror(number)}" if number and os.strerror(number) not in text else text
