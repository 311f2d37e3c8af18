"""Route to one server by libcurl: handles with its settings, and its idle connections."""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import pycurl

from microrepo.client.reach import Reach, network_at
from microrepo.client.transport.libcurl.curl_answer import CurlAnswer
from microrepo.client.transport.libcurl.curl_handle import (
    NewSocket,
    PostBody,
    header_lines,
    make_handle,
)
from microrepo.client.transport.libcurl.curl_loop import CurlLoop
from microrepo.client.transport.libcurl.idle_sockets import IdleSockets
from microrepo.client.transport.response_protocol import NoAnswer, Response, error_text
from microrepo.client.transport.route_protocol import RouteSettings
from microrepo.client.transport.sent_secrets import SentSecrets
from microrepo.errors import MalformedResponse

# Most requests have one of a few sets of header fields.
_MOST_LINES_KEPT = 16


class _Lane:
    """What one thread has of a route.

    Attributes:
        loop: carries its requests.
        handles: that carry none at the moment.
        idle: connections.
    """

    def __init__(self, loop: CurlLoop, *, is_tls: bool) -> None:
        self.loop = loop
        self.handles: deque[Any] = deque()
        self.idle = IdleSockets(is_tls=is_tls)


class CurlRoute:
    """How one origin is reached; each thread has connections of its own.

    Args:
        settings: where to, with what.
        find_loop: returns the loop of the calling thread.
        reach: decides which addresses may be connected to.
    """

    has_absolute_targets = False  # libcurl makes them where a proxy wants them

    def __init__(
        self, settings: RouteSettings, find_loop: Callable[[], CurlLoop], reach: Reach
    ) -> None:
        parts = urlsplit(settings.url)
        self.secrets = SentSecrets(settings.headers)
        self._settings = settings
        self._base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._host = parts.hostname or ""
        self._port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
        self._find_loop = find_loop
        self._reach = reach
        self._lanes = threading.local()
        self._in_step = True
        self._lines_of = lru_cache(_MOST_LINES_KEPT)(self._make_lines)

    def get(self, target: str, headers: Mapping[str, str]) -> Response:
        """Send a GET; see `Route.get`."""
        lane = self._lane()
        easy = lane.handles.pop() if lane.handles else make_handle(self._settings)
        return self._send(lane, easy, target, headers)

    def post(
        self, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]
    ) -> Response:
        """Send a POST, once; see `Route.post`.

        libcurl repeats it on another connection only when nothing of the body was read.
        """
        easy = make_handle(self._settings)
        size = len(body) if isinstance(body, bytes) else int(headers["Content-Length"])
        source = PostBody(iter([body] if isinstance(body, bytes) else body))
        easy.setopt(pycurl.POST, 1)
        easy.setopt(pycurl.POSTFIELDSIZE_LARGE, size)
        easy.setopt(pycurl.READFUNCTION, source.read)
        others = {name: text for name, text in headers.items() if name != "Content-Length"}
        try:
            return self._send(self._lane(), easy, target, {**others, "Expect": ""}, is_once=True)
        except NoAnswer as error:
            raise NoAnswer(source.error or error.why) from error

    def is_out_of_step(self, wait_s: float) -> bool:
        """Return whether the server sends more than was asked for; see `Route.is_out_of_step`."""
        lane = self._lane()
        if self._in_step and lane.idle.close_noisy(lane.loop.busy, wait_s):
            self._in_step = False
        return not self._in_step

    def _make_lines(self, headers: tuple[tuple[str, str], ...]) -> list[bytes]:
        return header_lines({**self._settings.headers, **dict(headers)})

    def leave_step(self) -> None:
        """Use each connection once from now on: the server sent more than was requested."""
        self._in_step = False

    def close(self) -> None:
        """Forget the handles: connections are closed with the loops."""
        self._lanes = threading.local()

    def _lane(self) -> _Lane:
        lane: _Lane | None = getattr(self._lanes, "lane", None)
        if lane is None:
            lane = self._lanes.lane = _Lane(
                self._find_loop(), is_tls=self._base.startswith("https")
            )
        return lane

    def _send(
        self,
        lane: _Lane,
        easy: Any,
        target: str,
        headers: Mapping[str, str],
        *,
        is_once: bool = False,
    ) -> Response:
        # Bytes on a connection that nobody waits for are no answer to the next request.
        if lane.idle.close_noisy(lane.loop.busy, 0):
            self._in_step = False
        owner = _Owner(self, lane, is_once=is_once)
        answer = CurlAnswer(owner, easy, lane.loop, self._settings.timeout_s, self.secrets)
        refusals: list[MalformedResponse] = []

        def open_socket(_purpose: int, address: Any) -> NewSocket | int:
            answer.connect_begins()
            try:
                if self._settings.proxy is None:
                    network = network_at(str(address.addr[0]))
                    self._reach.check_address(self._host, self._port, network)
                made = socket.socket(address.family, address.socktype, address.protocol)
            except MalformedResponse as refusal:
                refusals.append(refusal)
                return int(pycurl.SOCKET_BAD)
            except OSError:
                return int(pycurl.SOCKET_BAD)
            return NewSocket(made)

        try:
            easy.setopt(pycurl.URL, self._base + target)
            easy.setopt(pycurl.HTTPHEADER, self._lines_of(tuple(headers.items())))
            easy.setopt(pycurl.HEADERFUNCTION, answer.on_header)
            easy.setopt(pycurl.WRITEFUNCTION, answer.on_body)
            easy.setopt(pycurl.OPENSOCKETFUNCTION, open_socket)
            if not self._in_step:
                easy.setopt(pycurl.FRESH_CONNECT, 1)
                easy.setopt(pycurl.FORBID_REUSE, 1)
            lane.loop.add(answer)
        except (ValueError, pycurl.error) as error:
            raise NoAnswer(error) from error
        answer.await_head()
        if refusals:
            answer.close()
            raise refusals[0]
        if not (answer.head.is_complete and answer.status):
            answer.close()
            through = "through the proxy: " if self._settings.proxy else ""
            words = error_text(answer.failure or "the answer has no head")
            raise NoAnswer(f"{through}{words}") from answer.failure
        return answer


class _Owner:
    """Where an answer's handle and connection go at its end."""

    def __init__(self, route: CurlRoute, lane: _Lane, *, is_once: bool) -> None:
        self._route = route
        self._lane = lane
        self._is_once = is_once

    def take_back(self, answer: CurlAnswer) -> None:
        """Remember the connection, which libcurl closes when bytes came behind the answer."""
        descriptor = answer.easy.getinfo(pycurl.ACTIVESOCKET)
        if descriptor >= 0:
            self._lane.loop.release(descriptor)
            if not answer.head.is_multiplexed:
                self._lane.idle.add(descriptor, answer.easy.getinfo(pycurl.LOCAL_PORT))
        elif answer.head.is_kept and not self._is_once:
            self._route.leave_step()

    def end(self, answer: CurlAnswer) -> None:
        """Take the handle for another request."""
        if not self._is_once:
            self._lane.handles.append(answer.easy)
