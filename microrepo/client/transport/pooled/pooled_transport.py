"""Transport by `requests`: its adapters find the pool of urllib3 that reaches a server."""

from __future__ import annotations

import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from microrepo.client.addresses import origin_of
from microrepo.client.reach import Reach
from microrepo.client.transport.pooled.pooled_route import PooledRoute
from microrepo.client.transport.route_protocol import RouteSettings
from microrepo.client.transport.tls import tls_context
from microrepo.errors import ConfigError


class PooledTransport:
    """Opens routes below `requests`.

    Args:
        reach: decides which addresses may be connected to.
    """

    def __init__(self, reach: Reach) -> None:
        self.name = f"requests/{requests.__version__}"
        self._reach = reach
        self._session = requests.Session()
        self._session.trust_env = False

    def open(self, settings: RouteSettings) -> PooledRoute:
        """Return the route to an origin; see `Transport.open`."""
        proxies = settings.proxies
        adapter = self._adapter(settings)
        prepared = requests.Request("GET", settings.url).prepare()
        try:
            pool: Any = adapter.get_connection_with_tls_context(prepared, True, proxies=proxies)
        except requests.exceptions.InvalidSchema as error:
            raise ConfigError(f"{_shown(settings.proxy)}: {_proxy_help(error)}") from error
        proxied = adapter.request_url(prepared, proxies) == prepared.url
        headers = dict(settings.headers)
        if proxied and proxies.get("http"):
            headers.update(adapter.proxy_headers(proxies["http"]))
        reach = self._reach if settings.proxy is None else None
        return PooledRoute(
            pool, settings.timeout_s, headers, has_absolute_targets=proxied, reach=reach
        )

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._session.close()

    def _adapter(self, settings: RouteSettings) -> _Adapter:
        prefix = settings.url.partition(":")[0] + "://"
        mounted = self._session.adapters.get(prefix)
        if isinstance(mounted, _Adapter):
            return mounted
        context = (
            tls_context(settings.ca_bundle, settings.client_cert) if prefix == "https://" else None
        )
        adapter = _Adapter(context, settings.connections)
        self._session.mount(prefix, adapter)
        return adapter


class _Adapter(HTTPAdapter):
    """An adapter whose connections all share one TLS context (parsing the CA bundle costs 15 ms)."""

    def __init__(self, context: ssl.SSLContext | None, connections: int) -> None:
        self.context = context
        super().__init__(pool_connections=32, pool_maxsize=connections, pool_block=False)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self.context, **kwargs)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, ssl_context=self.context, **kwargs)


def _shown(proxy: str | None) -> str:
    # A password may stand before the host.
    return f"proxy {origin_of(proxy)}" if proxy else "proxy"


def _proxy_help(error: Exception) -> str:
    if "SOCKS" in str(error):
        return 'SOCKS proxies need an extra package: pip install "microrepo[socks]"'
    return "cannot be used as a proxy"
