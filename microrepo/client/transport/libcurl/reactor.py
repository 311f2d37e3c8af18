"""Reactor: sockets and timers of all requests of one thread."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable

_local = threading.local()


class Reactor:
    """Calls handlers when a socket is ready or a timer has expired."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._poll = select.poll()
        self._handlers: dict[int, Callable[[int, int], None]] = {}
        self._timers: dict[Callable[[], None], float] = {}

    def watch(self, descriptor: int, events: int, handler: Callable[[int, int], None]) -> None:
        """Call `handler` with the descriptor and the events of `select.poll`."""
        self._handlers[descriptor] = handler
        self._poll.register(descriptor, events)

    def forget(self, descriptor: int) -> None:
        """Stop watching a descriptor."""
        if self._handlers.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def set_timer(self, handler: Callable[[], None], seconds: float | None) -> None:
        """Call `handler` once, after `seconds`; None cancels it."""
        if seconds is None:
            self._timers.pop(handler, None)
        else:
            self._timers[handler] = time.monotonic() + seconds

    def turn(self, most_s: float) -> None:
        """Wait for events, at most `most_s` seconds, and call their handlers."""
        wait_s = max(0.0, most_s)
        if self._timers and wait_s:
            wait_s = min(wait_s, max(0.0, min(self._timers.values()) - time.monotonic()))
        # Rounded up, since waking up too early means waking up twice.
        for descriptor, events in self._poll.poll(-(-wait_s * 1000 // 1)):
            handler = self._handlers.get(descriptor)
            if handler is not None:
                handler(descriptor, events)
        if self._timers:
            now = time.monotonic()
            for timer in [timer for timer, due in self._timers.items() if due <= now]:
                self._timers.pop(timer, None)
                timer()


def this_reactor() -> Reactor:
    """Return the reactor of the calling thread; a forked process has its own."""
    reactor: Reactor | None = getattr(_local, "reactor", None)
    if reactor is None or reactor.pid != os.getpid():
        reactor = _local.reactor = Reactor()
    return reactor
