"""Transport by libcurl. Loading this module loads `pycurl`, which not every machine has."""

from __future__ import annotations

import threading

import pycurl

from microrepo.client.reach import Reach
from microrepo.client.transport.libcurl.curl_loop import CurlLoop
from microrepo.client.transport.libcurl.curl_route import CurlRoute
from microrepo.client.transport.route_protocol import RouteSettings


class CurlTransport:
    """Opens routes by libcurl; each thread has a loop for all of them.

    Args:
        reach: decides which addresses may be connected to.
    """

    def __init__(self, reach: Reach) -> None:
        self.name = pycurl.version.split()[1]
        self._reach = reach
        self._loops = threading.local()

    def open(self, settings: RouteSettings) -> CurlRoute:
        """Return the route to an origin."""
        return CurlRoute(settings, self._find_loop, self._reach)

    def close(self) -> None:
        """Close all connections that are not in use; those of other threads go with their loops."""
        loop: CurlLoop | None = getattr(self._loops, "loop", None)
        self._loops = threading.local()
        if loop is not None:
            loop.close()

    def _find_loop(self) -> CurlLoop:
        loop: CurlLoop | None = getattr(self._loops, "loop", None)
        if loop is None:
            loop = self._loops.loop = CurlLoop()
        return loop
