"""Route to one server: its settings, and the interface of transports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from msgspec import Struct

from microrepo.client.transport.response_protocol import Response
from microrepo.client.transport.sent_secrets import SentSecrets


class RouteSettings(Struct, frozen=True):
    """Settings of the route to one origin.

    Attributes:
        url: a URL at the origin, quoted.
        headers: sent with each request.
        proxies: by scheme, in the form of `requests`.
        proxy: the proxy in use, or None.
    """

    url: str
    headers: dict[str, str]
    proxies: dict[str, str]
    proxy: str | None
    timeout_s: float
    connections: int
    ca_bundle: str | None
    client_cert: str | None


class Route(Protocol):
    """Route to one origin. Thread-safe.

    Attributes:
        secrets: the credentials as they are sent.
        has_absolute_targets: the proxy is given whole URLs.
    """

    secrets: SentSecrets
    has_absolute_targets: bool

    def get(self, target: str, headers: Mapping[str, str]) -> Response:
        """Send a GET; on a connection that the server has closed meanwhile, it is repeated.

        Args:
            target: path and query, or the whole URL.
            headers: besides those of the route.

        Raises:
            NoAnswer: no response.
            MalformedResponse: the server's address is not allowed.
        """

    def post(
        self, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]
    ) -> Response:
        """Send a POST, once.

        Raises:
            NoAnswer: no response.
            MalformedResponse: as for `get`.
        """

    def is_out_of_step(self, wait_s: float) -> bool:
        """Return whether the server sends more than was requested.

        Such a server gets a new connection for each request from then on.

        Args:
            wait_s: seconds to wait for bytes on idle connections.
        """

    def close(self) -> None:
        """Close the idle connections."""


class Transport(Protocol):
    """What opens routes.

    Attributes:
        name: with its version, for the User-Agent.
    """

    name: str

    def open(self, settings: RouteSettings) -> Route:
        """Return the route to an origin.

        Raises:
            ConfigError: its proxy or its certificates cannot be used.
        """

    def close(self) -> None:
        """Close all connections that are not in use."""
