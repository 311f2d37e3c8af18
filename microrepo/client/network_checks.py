"""Checks of network settings before the first request."""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import urlsplit

from microrepo.client.addresses import is_loopback, origin_of, public_url
from microrepo.client.settings import ClientSettings
from microrepo.client.transport.transport_choice import check_transport, uses_libcurl
from microrepo.errors import ConfigError

_PROXY_SCHEMES = frozenset({"http", "https", "socks4", "socks4a", "socks5", "socks5h"})


def check_network(settings: ClientSettings, source_url: str, key: str = "source") -> None:
    """Raise ConfigError for settings with which no request can succeed.

    Args:
        settings: settings of the run's clients.
        source_url: URL of the source.
        key: setting of the source.

    Raises:
        ConfigError: plain http to another host, a transport that is not installed, a proxy that is
            not a URL, certificates that cannot be read.
    """
    parts = urlsplit(source_url)
    plain = parts.scheme == "http" and not is_loopback(parts.hostname or "")
    if plain and not settings.allow_http:
        raise ConfigError(
            f"$.{key}: {public_url(source_url)}: plain http is refused for other hosts than this "
            "one; use https, or set `allow_http`"
        )
    if settings.proxy and not _is_proxy(settings.proxy):
        shown = settings.proxy.rpartition("@")[2]  # a password may stand before it
        raise ConfigError(
            f"$.proxy: {shown!r} is not the URL of a proxy, such as http://proxy.example:3128"
        )
    check_transport(settings.transport)
    by_socks = (settings.proxy or "").startswith("socks")
    if by_socks and not uses_libcurl(settings.transport) and find_spec("socks") is None:
        raise ConfigError(
            f"$.proxy: {origin_of(settings.proxy or '')}: SOCKS proxies need an extra package: "
            'pip install "microrepo[socks]"'
        )
    if settings.ca_bundle or settings.client_cert:
        from microrepo.client.transport.tls import tls_context  # loads urllib3

        tls_context(settings.ca_bundle, settings.client_cert)


def _is_proxy(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in _PROXY_SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
