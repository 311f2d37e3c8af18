"""Hosts that a source may lead to: the web, itself, and hosts in the settings.

An index lists the URLs of its files, and servers redirect. Without a check, an index on the web
could direct requests to services of this machine and its network, which trust them.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterable
from enum import Enum
from urllib.parse import urlsplit

from microrepo.client.addresses import is_loopback, public_url
from microrepo.errors import MalformedResponse

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Network(Enum):
    """Kinds of networks; only `PUBLIC` is open to every source."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    SPECIAL = "special"


def network_of(text: str) -> Network | None:
    """Return the network of an IP address in any notation, None for a host name."""
    address = _parse(text)
    if address is None:
        return Network.LOOPBACK if is_loopback(text.casefold().rstrip(".")) else None
    address = _embedded(address)
    if address.is_loopback or address.is_unspecified:
        return Network.LOOPBACK
    if address.is_link_local or address.is_multicast or address.is_reserved:
        return Network.SPECIAL
    return Network.PUBLIC if address.is_global else Network.PRIVATE


def _parse(text: str) -> Address | None:
    bare = text.partition("%")[0].strip("[]")
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        pass
    try:
        # Resolvers also accept `127.1`, `0x7f000001` and `2130706433`.
        return ipaddress.IPv4Address(socket.inet_aton(bare)) if bare[:1].isdigit() else None
    except (OSError, ValueError):
        return None


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


class Reach:
    """Decides whether a connection may be opened. Thread-safe.

    Args:
        allowed: hosts that the settings allow on any network.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(host.casefold().strip("[]") for host in allowed)
        self._homes: dict[str, set[int | None]] = {}
        self._admitted: set[str] = set()
        self._networks: dict[str, Network] = {}
        self._lock = threading.Lock()

    def admit(self, url: str) -> None:
        """Record the host of a URL as named by the user: a source, a destination."""
        origin = url[: url.find("/", len("https://")) + 1]
        if origin in self._admitted:
            return
        parts = urlsplit(url)
        if parts.hostname:
            with self._lock:
                self._homes.setdefault(parts.hostname.casefold(), set()).add(_port(parts))
                if origin:
                    self._admitted.add(origin)

    def knows_none(self) -> bool:
        """Return whether no host was recorded yet."""
        return not self._homes

    def is_home(self, host: str) -> bool:
        """Return whether the user named this host."""
        return host.casefold() in self._homes

    def check_host(self, url: str) -> None:
        """Raise `MalformedResponse` for a URL whose host is not allowed."""
        parts = urlsplit(url)
        network = network_of(parts.hostname or "")
        if network is not None:
            self.check_address(parts.hostname or "", _port(parts), network)

    def check_address(self, host: str, port: int | None, network: Network) -> None:
        """Raise `MalformedResponse` if a host is not allowed at an address of this network."""
        host = host.casefold()
        if network is Network.PUBLIC or host in self._allowed or host in self._homes:
            return
        if network is Network.LOOPBACK and port in self._ports_here():
            return
        if network is Network.PRIVATE and self._has_private_home():
            return
        raise _refused(host, network)

    def check_redirect(self, start: str, target: str) -> None:
        """Raise `MalformedResponse` if a server on the web redirects into a private network.

        This includes the hosts of other sources.
        """
        first, then = urlsplit(start).hostname or "", urlsplit(target).hostname or ""
        if first.casefold() == then.casefold() or then.casefold() in self._allowed:
            return
        network = self._look_up(then)
        if network is Network.PUBLIC or self._look_up(first) is not Network.PUBLIC:
            return
        raise _refused(then, network)

    def _ports_here(self) -> set[int | None]:
        """Return the ports of this machine that the user named, under any name."""
        with self._lock:
            homes = list(self._homes.items())
        return {
            port for host, ports in homes if network_of(host) is Network.LOOPBACK for port in ports
        }

    def _has_private_home(self) -> bool:
        return any(self._look_up(host) is Network.PRIVATE for host in list(self._homes))

    def _look_up(self, host: str) -> Network:
        """Return the innermost network that a host has an address in; unknown ones are public."""
        network = self._networks.get(host) or network_of(host)
        if network is None:
            network = Network.PUBLIC
            try:
                found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
            except (OSError, UnicodeError):
                found = set()
            for address in found:
                network = network if network is not Network.PUBLIC else network_at(address)
        self._networks[host] = network
        return network


def network_at(address: str) -> Network:
    """Return the network of an IP address."""
    return network_of(address) or Network.PUBLIC


def _port(parts: object) -> int | None:
    try:
        port: int | None = parts.port  # type: ignore[attr-defined]
    except ValueError:
        return None
    return port or {"http": 80, "https": 443}.get(parts.scheme)  # type: ignore[attr-defined]


def _refused(host: str, network: Network) -> MalformedResponse:
    where = {
        Network.LOOPBACK: "this machine",
        Network.PRIVATE: "a private network",
        Network.SPECIAL: "a special network",
    }.get(network, network.value)
    return MalformedResponse(
        public_url(host)[:200],
        f"an address of {where}, to which a source may not send requests; to allow it, add the "
        "host to `internal_hosts`",
    )


def connect(host: str, port: int, timeout_s: float | None, reach: Reach | None) -> socket.socket:
    """Return a connection to a host, at an allowed address.

    Raises:
        MalformedResponse: the host is not allowed.
        OSError: no connection.
    """
    error: OSError | None = None
    for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        address = str(entry[4][0])
        if reach is not None:
            reach.check_address(host, port, network_at(address))
        try:
            return socket.create_connection((address, port), timeout_s)
        except OSError as failed:
            error = failed
    raise error or OSError(f"{host} has no address")
