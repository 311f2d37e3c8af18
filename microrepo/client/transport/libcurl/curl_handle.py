"""Handle of libcurl for the requests of a route, and what is put into it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pycurl

from microrepo.client.transport.ca_bundle import find_ca_bundle
from microrepo.client.transport.route_protocol import RouteSettings

_BUFFER_BYTES = 1 << 17
_SUPPRESS_CONNECT_HEADERS = 265  # pycurl has no name for it


def make_handle(settings: RouteSettings) -> Any:
    """Return a handle with all that the requests of a route have in common."""
    easy = pycurl.Curl()
    timeout_ms = max(1, int(settings.timeout_s * 1000))
    for option, value in (
        (pycurl.NOSIGNAL, 1),
        (pycurl.BUFFERSIZE, _BUFFER_BYTES),
        (pycurl.CONNECTTIMEOUT_MS, timeout_ms),
        (pycurl.HTTP_CONTENT_DECODING, 0),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
        (pycurl.PIPEWAIT, settings.url.startswith("https")),
        (pycurl.PATH_AS_IS, 1),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.PROXY, settings.proxy or ""),
        (pycurl.NOPROXY, ""),
        (_SUPPRESS_CONNECT_HEADERS, 1),
    ):
        easy.setopt(option, value)
    if any(url.startswith("https") for url in (settings.url, settings.proxy or "")):
        bundle = find_ca_bundle(settings.ca_bundle)
        easy.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        is_folder = Path(bundle).is_dir()
        easy.setopt(pycurl.CAPATH if is_folder else pycurl.CAINFO, bundle)
        easy.setopt(pycurl.PROXY_CAPATH if is_folder else pycurl.PROXY_CAINFO, bundle)
        if settings.client_cert:
            easy.setopt(pycurl.SSLCERT, settings.client_cert)
            easy.setopt(pycurl.SSLKEY, settings.client_cert)
    return easy


class NewSocket:
    """A socket on its way to libcurl, which takes a duplicate."""

    def __init__(self, made: socket.socket) -> None:
        self._descriptor = made.detach()

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def __del__(self) -> None:
        os.close(self._descriptor)


class PostBody:
    """The body of a POST, in pieces as libcurl wants them.

    Attributes:
        error: why there is no more of it.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.error: Exception | None = None
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes | int:
        """Return the next bytes; b"" at the end."""
        try:
            while not self._rest:
                self._rest = memoryview(next(self._pieces))
        except StopIteration:
            return b""
        except OSError as error:
            self.error = error
            return int(pycurl.READFUNC_ABORT)
        piece, self._rest = self._rest[:size], self._rest[size:]
        return bytes(piece)


def header_lines(headers: Mapping[str, str]) -> list[bytes]:
    """Return header fields as they are sent.

    Raises:
        ValueError: one would be more than one field.
    """
    lines = [f"{name}: {text}".rstrip().encode("latin-1") for name, text in headers.items()]
    if any(byte in line for line in lines for byte in b"\n\r\0"):
        raise ValueError("a header field has a line break")
    return lines
