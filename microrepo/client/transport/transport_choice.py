"""Choice of the transport: libcurl where it is installed, else `requests`."""

from __future__ import annotations

from collections.abc import Collection
from importlib import import_module
from typing import TYPE_CHECKING

from microrepo.client.settings import TransportName
from microrepo.errors import ConfigError

if TYPE_CHECKING:
    from microrepo.client.reach import Reach
    from microrepo.client.transport.route_protocol import Transport

# What older versions of pycurl lack, which may be installed for other programs.
_NEEDED = ("ACTIVESOCKET", "M_MAX_CONCURRENT_STREAMS")


def uses_libcurl(name: TransportName) -> bool:
    """Return whether libcurl carries the requests; `auto` means where it can be loaded."""
    return name in {"auto", "libcurl"} and _can_load("pycurl", _NEEDED)


def can_multiplex(name: TransportName) -> bool:
    """Return whether one thread can wait for many answers."""
    return uses_libcurl(name) and _can_load("greenlet")


def check_transport(name: TransportName) -> None:
    """Raise `ConfigError` when a transport is named that cannot be loaded."""
    if name == "libcurl" and not uses_libcurl(name):
        raise ConfigError(
            "$.transport: libcurl needs pycurl 7.46 or later: pip install -U 'microrepo[fast]'"
        )


def transport_module(name: TransportName) -> str:
    """Return the name of the module that `open_transport` loads."""
    if uses_libcurl(name):
        return "microrepo.client.transport.libcurl.curl_transport"
    return "microrepo.client.transport.pooled.pooled_transport"


def open_transport(name: TransportName, reach: Reach) -> Transport:
    """Return the transport of that name.

    Raises:
        ConfigError: it cannot be loaded.
    """
    check_transport(name)
    if uses_libcurl(name):
        from microrepo.client.transport.libcurl.curl_transport import CurlTransport

        return CurlTransport(reach)
    from microrepo.client.transport.pooled.pooled_transport import PooledTransport

    return PooledTransport(reach)


def _can_load(module: str, names: Collection[str] = ()) -> bool:
    """Return whether a module can be imported and has these names."""
    try:
        loaded = import_module(module)
    except ImportError:  # not installed, or built for another libcurl
        return False
    return all(hasattr(loaded, name) for name in names)
