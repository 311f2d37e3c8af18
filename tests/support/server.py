"""A PyPI on loopback: HTTP/1.1 with keep-alive, every request recorded, faults on demand."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, final
from urllib.parse import unquote, urlsplit

from tests.support.answers import Abilities, Answer, Request, answer_for
from tests.support.faults import Disconnect, Fault
from tests.support.index import FakeIndex
from tests.support.listener import Listener
from tests.support.site import ADVISORIES_PATH, Site, Switches

Pattern = str | Callable[[Request], bool]


@dataclass
class Planted:
    """Faults that wait for matching requests; `hits` counts those they struck."""

    pattern: Pattern
    faults: tuple[Fault, ...]
    times: int | None
    hits: int = 0

    def matches(self, request: Request) -> bool:
        """Return whether the next such request is to be struck."""
        if self.times is not None and self.hits >= self.times:
            return False
        if callable(self.pattern):
            return self.pattern(request)
        path = request.path.partition("?")[0]
        return any(fnmatchcase(form, self.pattern) for form in (path, unquote(path)))


@final
class PyPIServer:
    """A context manager that serves a `FakeIndex`.

    Args:
        tls: a server-side context (see `tests.support.tls`) turns it into an https server.
        port: 0 takes a free one; a number brings a server back to where it was.
        switches: fields of `tests.support.site.Switches`; also attributes of `.switches`.
    """

    def __init__(
        self,
        index: FakeIndex,
        *,
        tls: ssl.SSLContext | None = None,
        port: int = 0,
        **switches: Any,
    ) -> None:
        self.index = index
        self.switches = Switches(**switches)
        self.closing = threading.Event()
        self._lock = threading.RLock()
        self._requests: list[Request] = []
        self._planted: list[Planted] = []
        self._listener = Listener(self._decide, self.pause, port, tls)
        self.port: int = self._listener.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.json_url = f"{self.url}/pypi"
        self.simple_url = f"{self.url}/simple/"
        self.advisories_url = f"{self.url}{ADVISORIES_PATH}"
        self.site = Site(index, self.url, self.switches)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )

    def __enter__(self) -> PyPIServer:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self.close()
        if kind is None and self._listener.errors:
            raise self._listener.errors[0]

    def close(self) -> None:
        """Stop listening and end every connection, however busy."""
        self.closing.set()
        # Shut down first: the select in serve_forever wakes at once instead of at its next poll.
        with suppress(OSError):
            self._listener.socket.shutdown(socket.SHUT_RDWR)
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()
        self._listener.end_connections()

    @property
    def requests(self) -> list[Request]:
        """The requests so far, in the order in which they came."""
        with self._lock:
            return list(self._requests)

    def paths(self, prefix: str = "/") -> list[str]:
        """Return the paths asked for that begin with `prefix`."""
        return [request.path for request in self.requests if request.path.startswith(prefix)]

    def count(self, prefix: str = "/") -> int:
        """Return the number of requests whose path begins with `prefix`."""
        return len(self.paths(prefix))

    def reset(self) -> None:
        """Forget the requests so far; planted faults stay."""
        with self._lock:
            self._requests.clear()

    def fault(self, pattern: Pattern, *faults: Fault, times: int | None = None) -> Planted:
        """Let matching requests fail: the first `times` of them, or all.

        Args:
            pattern: a glob over the path without query (``*`` crosses slashes), or a predicate.
            faults: kinds that all apply to the same request.

        Several calls with overlapping patterns strike one after the other, in their order.
        """
        planted = Planted(pattern, faults, times)
        with self._lock:
            self._planted.append(planted)
        return planted

    def clear_faults(self) -> None:
        """Behave again."""
        with self._lock:
            self._planted.clear()

    def pause(self, seconds: float) -> None:
        """Sleep, but no longer than the server lives.

        Raises:
            Disconnect: the server is being closed.
        """
        if self.closing.wait(seconds):
            raise Disconnect

    def _decide(self, request: Request) -> tuple[Answer, tuple[Fault, ...]]:
        faults = self._record(request)
        if self.switches.latency_s:
            self.pause(self.switches.latency_s)
        if not self._is_authorized(request):
            return Answer(401, {"WWW-Authenticate": 'Basic realm="index"'}), ()
        for fault in faults:
            instead = fault.instead(request)
            if instead is not None:
                return instead, faults
        if request.method not in {"GET", "HEAD"}:
            return Answer(405, {"Allow": "GET, HEAD"}), faults
        return self._found(request, faults), faults

    def _found(self, request: Request, faults: tuple[Fault, ...]) -> Answer:
        headers = request.headers
        for fault in faults:
            headers = fault.headers(headers)
        resource = self.site.find(urlsplit(request.path).path, headers)
        if isinstance(resource, Answer):
            return resource
        for fault in faults:
            resource = fault.resource(resource)
        switches = self.switches
        can = Abilities(not switches.no_etags, not switches.no_ranges, switches.gzip)
        return answer_for(resource, headers, can)

    def _record(self, request: Request) -> tuple[Fault, ...]:
        with self._lock:
            self._requests.append(request)
            for planted in self._planted:
                if planted.matches(request):
                    planted.hits += 1
                    return planted.faults
        return ()

    def _is_authorized(self, request: Request) -> bool:
        if self.switches.auth is None:
            return True
        expected = base64.b64encode(":".join(self.switches.auth).encode()).decode()
        return request.headers.get("authorization") == f"Basic {expected}"
