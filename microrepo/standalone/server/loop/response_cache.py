"""Response cache: answers in memory, given again while the files behind them are unchanged."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from microrepo.standalone.server.application.answers import Answer
from microrepo.standalone.server.disk.files import unchanged
from microrepo.standalone.server.messages.requests import Request
from microrepo.standalone.server.messages.responses import Response

CACHE_BYTES = 64 << 20
CACHE_ENTRY_BYTES = 16 << 20
_OVERHEAD_BYTES = 1000

if TYPE_CHECKING:
    _Key = tuple[str, str, str]


class _Cached:
    """An answer, its checks, when they were last made in full, and its size with its key."""

    __slots__ = ("checked_s", "checks", "response", "size")

    def __init__(self, answer: Answer, key: _Key) -> None:
        self.response, self.checks = answer
        self.checked_s = time.monotonic()
        content = self.response.size + len(self.response.block)
        self.size = content + sum(map(len, key)) + _OVERHEAD_BYTES


class ResponseCache:
    """Remembers answers up to a total size of contents and keys."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._entries: OrderedDict[_Key, _Cached] = OrderedDict()
        self._bytes = 0
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def get(self, request: Request) -> Response | None:
        """Return the answer to an equal request, if it would be the same now."""
        key = _key(request)
        cached = self._entries.get(key)
        if cached is None:
            return None
        now = time.monotonic()
        checks = cached.checks
        if now - cached.checked_s < 1:
            # The first two notice files that come and go. The others notice files written in
            # place, which nobody should do, so that once a second is often enough.
            checks = checks[:2]
        else:
            cached.checked_s = now
        if unchanged(checks):
            return cached.response
        with self._lock:
            self._drop(key)
        return None

    def put(self, request: Request, answer: Answer) -> None:
        """Remember an answer, forgetting the oldest when there are too many."""
        response = answer.response
        if response.status != 200 or not answer.checks or response.size > CACHE_ENTRY_BYTES:
            return
        key = _key(request)
        cached = _Cached(answer, key)
        with self._lock:
            self._drop(key)
            self._entries[key] = cached
            self._bytes += cached.size
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: _Key) -> None:
        cached = self._entries.pop(key, None)
        if cached:
            self._bytes -= cached.size


def _key(request: Request) -> _Key:
    # Scripts get other pages, see `IndexRoutes`.
    audience = "script " if request.is_script else ""
    return (request.path, request.query, audience + request.headers.get("accept", ""))
