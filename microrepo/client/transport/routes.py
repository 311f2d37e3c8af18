"""Routes: how each server is reached (directly or by a proxy), by which transport, as whom."""

from __future__ import annotations

import base64
import re
import threading
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from microrepo._version import __version__
from microrepo.client.addresses import is_loopback, origin_of, public_url
from microrepo.client.netrc_logins import netrc_login
from microrepo.client.reach import Reach
from microrepo.client.settings import ClientSettings
from microrepo.client.transport.proxies import find_proxies
from microrepo.client.transport.route_protocol import Route, RouteSettings, Transport
from microrepo.client.transport.transport_choice import open_transport
from microrepo.errors import ConfigError, MalformedResponse

_IS_PLAIN = re.compile(r"[!-~]+").fullmatch
# Nearly all URLs, taken apart at a fraction of the cost: no login, port or not, no fragment.
_USUAL = re.compile(r"(https?://[a-z0-9][a-z0-9.-]*(?::[0-9]+)?)(/[!\"$-~]*)").fullmatch


class Routes:
    """The routes of one client, opened on first use.

    Args:
        reach: decides which hosts are allowed.
    """

    def __init__(self, settings: ClientSettings, reach: Reach) -> None:
        self._settings = settings
        self._reach = reach
        self._routes: dict[str, Route] = {}
        self._lock = threading.Lock()
        self._transport: Transport = open_transport(settings.transport, reach)

    def find(self, url: str) -> tuple[Route, str]:
        """Return the route to the server of a URL, and the request target.

        Raises:
            ConfigError: the settings forbid it.
            MalformedResponse: the host is not allowed.
            ValueError: it is not a URL.
        """
        usual = _USUAL(url)
        known = self._routes.get(usual[1]) if usual is not None else None
        if usual is not None and known is not None:
            return known, url if known.has_absolute_targets else usual[2]
        if not _IS_PLAIN(url):
            url = _requoted(url)
        parts = urlsplit(url)
        origin = _origin(parts)
        route = self._routes.get(origin)
        if route is None:
            with self._lock:
                route = self._routes.get(origin) or self._open(url, origin)
                self._routes[origin] = route
        if route.has_absolute_targets:
            return route, url
        return route, urlunsplit(("", "", parts.path or "/", parts.query, ""))

    def is_out_of_step(self, url: str, wait_s: float) -> bool:
        """Return whether the server of a URL sends more than was asked for."""
        route = self._routes.get(_origin(urlsplit(url)))
        return route is not None and route.is_out_of_step(wait_s)

    def close(self) -> None:
        """Close all connections that are not in use."""
        for route in self._routes.values():
            route.close()
        self._transport.close()

    def _open(self, url: str, origin: str) -> Route:
        host = urlsplit(url).hostname or ""
        if origin.startswith("http://") and not (self._settings.allow_http or is_loopback(host)):
            refused = "plain http is refused for other hosts than this one"
            if not self._reach.is_home(host):  # a source led to this URL
                raise MalformedResponse(
                    public_url(url), f"{refused}; to allow it, set `allow_http`"
                )
            raise ConfigError(f"{public_url(url)}: {refused}; use https, or set `allow_http`")
        self._reach.check_host(url)
        proxies, proxy = find_proxies(url, self._settings.proxy)
        headers = {
            "User-Agent": self._user_agent(),
            "Accept-Encoding": "gzip, deflate",
            **self._authorization(url),
        }
        return self._transport.open(
            RouteSettings(
                url=url if _USUAL(url) else _prepared(url),
                headers=headers,
                proxies=proxies,
                proxy=proxy,
                timeout_s=self._settings.timeout_s,
                connections=self._settings.connections,
                ca_bundle=self._settings.ca_bundle,
                client_cert=self._settings.client_cert,
            )
        )

    def _authorization(self, url: str) -> dict[str, str]:
        parts, origin = urlsplit(url), origin_of(url)
        with_default = self._reach.is_home(parts.hostname or "")
        found = self._settings.auth.get(origin) or netrc_login(origin, with_default=with_default)
        if found is None and parts.username:
            found = (unquote(parts.username), unquote(parts.password or ""))
        if found is None:
            return {}
        token = base64.b64encode(f"{found[0]}:{found[1]}".encode()).decode("ascii")
        return {"Authorization": f"Basic {token}"}

    def _user_agent(self) -> str:
        about = f" ({self._settings.contact})" if self._settings.contact else ""
        return f"microrepo/{__version__}{about} {self._transport.name}"


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _requoted(url: str) -> str:
    from requests.utils import requote_uri  # slow to load

    return requote_uri(url)


def _prepared(url: str) -> str:
    """Return a URL as `requests` sends it.

    Raises:
        ValueError: it is not a URL.
    """
    import requests

    try:
        return requests.Request("GET", url).prepare().url or url
    except requests.RequestException as error:
        raise ValueError(str(error)) from error
