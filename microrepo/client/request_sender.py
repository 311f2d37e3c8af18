"""Sender of single requests: the route of each, its credentials, retries."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from microrepo.client.addresses import masked, public_url
from microrepo.client.bodies import put_aside, read_reply
from microrepo.client.reach import Reach
from microrepo.client.retry_delays import backoff_s, retry_after_s
from microrepo.client.settings import Answer, ClientSettings
from microrepo.client.silent_hosts import ObservedResponse, SilentHosts
from microrepo.client.transport.response_protocol import (
    LONGEST_TEXT,
    NoAnswer,
    Response,
    error_text,
)
from microrepo.client.transport.sent_secrets import SentSecrets
from microrepo.client.transport.waiting import pause
from microrepo.errors import MalformedResponse, Unavailable

if TYPE_CHECKING:
    from microrepo.client.transport.route_protocol import Route

_WITH_BODY = frozenset({200, 206})
_RETRY_STATUSES = frozenset({429, 500, 502, 503, 504, 520, 527})
_STRAY_BYTES_WAIT_S = 0.05


class RequestSender:
    """Sends single requests without following redirects. Thread-safe.

    Attributes:
        keeps_connections: a server has answered that takes several requests over a connection.
    """

    def __init__(self, settings: ClientSettings, reach: Reach) -> None:
        # Loading the transport is slow, and most commands send nothing.
        from microrepo.client.transport.routes import Routes

        self._retries = settings.retries
        self._routes = Routes(settings, reach)
        self._hosts = SilentHosts(settings.timeout_s, settings.retries + 1)
        self.keeps_connections = False

    def get(self, url: str, headers: Mapping[str, str]) -> Response:
        """Send a GET, with retries after temporary failures.

        Raises:
            Unavailable: no response after all retries.
            MalformedResponse: an invalid URL.
        """
        route, target = self._find_route(url)
        attempt = 0
        while True:
            wait_s: float | None = None
            self._hosts.check(url)
            began_at = self._hosts.begin()
            try:
                response = route.get(target, headers)
            except NoAnswer as error:
                self._hosts.note_failure(url, began_at)
                if attempt >= self._retries:
                    why = route.secrets.hide(error_text(error.why))
                    raise Unavailable(public_url(url), why) from error
            else:
                if not self.keeps_connections:
                    self.keeps_connections = response.keeps_connection
                if response.status not in _RETRY_STATUSES or attempt >= self._retries:
                    return self._observed(response, url, began_at, route.secrets)
                put_aside(response)
                now = datetime.now(timezone.utc)
                wait_s = retry_after_s(response.headers.get("Retry-After"), now)
            jitter = random.random()  # noqa: S311
            pause(backoff_s(attempt, jitter) if wait_s is None else wait_s)
            attempt += 1

    def _observed(
        self, response: Response, url: str, began_at: float, secrets: SentSecrets
    ) -> Response:
        if response.status not in _WITH_BODY:
            self._hosts.note_answer(url)
        return ObservedResponse(response, url, self._hosts, began_at, secrets)

    def post(self, url: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]) -> Answer:
        """Send one POST, once; see `Client.post`."""
        route, target = self._find_route(url)
        try:
            plain = {**headers, "Accept-Encoding": "identity"}
            response = route.post(target, plain, body)
        except NoAnswer as error:
            why = route.secrets.hide(error_text(error.why))
            raise Unavailable(public_url(url), why) from error
        text = route.secrets.hide_in(read_reply(response))
        reason = (response.reason or "")[:LONGEST_TEXT]
        return Answer(response.status, response.headers, text, url, reason)

    def _find_route(self, url: str) -> tuple[Route, str]:
        """Return the route to a URL, and the request target."""
        try:
            return self._routes.find(url)
        except ValueError as error:
            shown = public_url(url)[:80]
            raise MalformedResponse(shown, f"is not a proper URL: {masked(str(error))}") from error

    def hide_secrets(self, url: str, body: bytes) -> bytes:
        """Return a body without the credentials that the server of its URL gets."""
        return self._find_route(url)[0].secrets.hide_in(body)

    def is_out_of_step(self, url: str) -> bool:
        """Return whether the server of a URL sent more than was requested."""
        return self._routes.is_out_of_step(url, _STRAY_BYTES_WAIT_S)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._routes.close()
