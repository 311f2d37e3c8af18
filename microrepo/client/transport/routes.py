"""Routes: how each server is reached (directly or by a proxy), with which TLS and credentials.

`requests` resolves proxies and certificates once per server; the requests themselves go to the
urllib3 pool under its adapter, or straight to a `Line`. Loading this module loads `requests`.
"""

from __future__ import annotations

import base64
import re
import ssl
import threading
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies, requote_uri, select_proxy

from microrepo._version import __version__
from microrepo.client.addresses import is_loopback, origin_of, public_url
from microrepo.client.netrc_logins import netrc_login
from microrepo.client.reach import Reach
from microrepo.client.settings import ClientSettings
from microrepo.client.transport.direct_connection import Line
from microrepo.client.transport.metered_response import MeteredResponse
from microrepo.client.transport.route import Route
from microrepo.client.transport.tls import tls_context
from microrepo.errors import ConfigError, MalformedResponse

_IS_PLAIN = re.compile(r"[!-~]+").fullmatch


class Routes:
    """The routes of one client; each is opened when it is first needed.

    Args:
        settings: the client's.
        reach: decides which hosts may be asked.
    """

    def __init__(self, settings: ClientSettings, reach: Reach) -> None:
        self._settings = settings
        self._reach = reach
        self._routes: dict[str, Route] = {}
        self._lock = threading.Lock()
        self._session: requests.Session | None = None

    def find(self, url: str) -> tuple[Route, str]:
        """Return the route to the server of a URL, and what is asked for there.

        Raises:
            ConfigError: the settings refuse it.
            MalformedResponse: it may not be asked.
            ValueError: it is not a URL.
        """
        try:
            if not _IS_PLAIN(url):
                url = requote_uri(url)
            parts = urlsplit(url)
            origin = _origin(parts)
            route = self._routes.get(origin)
            if route is None:
                with self._lock:
                    route = self._routes.get(origin) or self._open(url, origin)
                    self._routes[origin] = route
        except requests.RequestException as error:
            raise ValueError(str(error)) from error
        if route.absolute_targets:
            return route, url
        return route, urlunsplit(("", "", parts.path or "/", parts.query, ""))

    def line_to(self, url: str) -> Line | None:
        """Return the short way to the server of a URL, None when there is none yet."""
        route = self._routes.get(_origin(urlsplit(url)))
        return None if route is None else route.line

    def close(self) -> None:
        """Close all connections that are not in use."""
        for route in self._routes.values():
            route.close()
        if self._session is not None:
            self._session.close()

    def _open(self, url: str, origin: str) -> Route:
        host = urlsplit(url).hostname or ""
        if origin.startswith("http://") and not (self._settings.allow_http or is_loopback(host)):
            refused = "plain http is refused for other hosts than this one"
            if not self._reach.is_home(host):  # a source led here
                raise MalformedResponse(
                    public_url(url), f"{refused}; to allow it, set `allow_http`"
                )
            raise ConfigError(f"{public_url(url)}: {refused}; use https, or set `allow_http`")
        self._reach.check_host(url)
        proxies = self._proxies(url)
        adapter = self._adapter(self._open_session(), origin)
        prepared = requests.Request("GET", url).prepare()
        try:
            pool: Any = adapter.get_connection_with_tls_context(prepared, True, proxies=proxies)
        except requests.exceptions.InvalidSchema as error:
            raise ConfigError(
                f"{_shown(select_proxy(url, proxies))}: {_proxy_help(error)}"
            ) from error
        pool.ConnectionCls = _metered(pool.ConnectionCls)
        proxied = adapter.request_url(prepared, proxies) == prepared.url
        headers = {
            "User-Agent": _user_agent(self._settings.contact),
            "Accept-Encoding": "gzip, deflate",
            **self._authorization(url, origin),
        }
        if proxied and proxies.get("http"):
            headers.update(adapter.proxy_headers(proxies["http"]))
        line = None
        if select_proxy(url, proxies) is None:
            context = adapter.context if origin.startswith("https") else None
            line = Line(urlsplit(url), self._settings.timeout_s, context, self._reach)
        return Route(pool, self._settings.timeout_s, headers, absolute_targets=proxied, line=line)

    def _open_session(self) -> requests.Session:
        if self._session is None:
            self._session = requests.Session()
            self._session.trust_env = False
        return self._session

    def _adapter(self, session: requests.Session, origin: str) -> _Adapter:
        prefix = origin.partition(":")[0] + "://"
        mounted = session.adapters.get(prefix)
        if isinstance(mounted, _Adapter):
            return mounted
        context = (
            tls_context(self._settings.ca_bundle, self._settings.client_cert)
            if origin.startswith("https")
            else None
        )
        adapter = _Adapter(context, self._settings.connections)
        session.mount(prefix, adapter)
        return adapter

    def _proxies(self, url: str) -> dict[str, str]:
        if self._settings.proxy:
            if is_loopback(urlsplit(url).hostname or ""):
                return {}
            return {"http": self._settings.proxy, "https": self._settings.proxy}
        return dict(get_environ_proxies(url, no_proxy=None))

    def _authorization(self, url: str, origin: str) -> dict[str, str]:
        parts = urlsplit(url)
        with_default = self._reach.is_home(parts.hostname or "")
        found = self._settings.auth.get(origin) or netrc_login(origin, with_default=with_default)
        if found is None and parts.username:
            found = (unquote(parts.username), unquote(parts.password or ""))
        if found is None:
            return {}
        token = base64.b64encode(f"{found[0]}:{found[1]}".encode()).decode("ascii")
        return {"Authorization": f"Basic {token}"}


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class _Adapter(HTTPAdapter):
    """An adapter whose connections all share one TLS context (parsing the CA bundle costs 15 ms)."""

    def __init__(self, context: ssl.SSLContext | None, connections: int) -> None:
        self.context = context
        super().__init__(pool_connections=32, pool_maxsize=connections, pool_block=False)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self.context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self.context, **kwargs)


def _metered(connection_class: Any) -> Any:
    """Return a class of connections whose answers are `MeteredResponse`."""
    if issubclass(connection_class.response_class, MeteredResponse):
        return connection_class
    return type("MeteredConnection", (connection_class,), {"response_class": MeteredResponse})


def _shown(proxy: str | None) -> str:
    # A password may stand before the host.
    return f"proxy {origin_of(proxy)}" if proxy else "proxy"


def _proxy_help(error: Exception) -> str:
    if "SOCKS" in str(error):
        return 'SOCKS proxies need an extra package: pip install "microrepo[socks]"'
    return "cannot be used as a proxy"


def _user_agent(contact: str | None) -> str:
    about = f" ({contact})" if contact else ""
    return f"microrepo/{__version__}{about} requests/{requests.__version__}"
