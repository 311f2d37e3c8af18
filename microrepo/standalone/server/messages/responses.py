"""HTTP responses: status, header lines and content, and the cache policy of each kind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from microrepo.standalone.server.messages.http_dates import http_date

REASONS = {
    200: "OK",
    204: "No Content",
    206: "Partial Content",
    301: "Moved Permanently",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    411: "Length Required",
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "HTTP Version Not Supported",
}
TEXT_PLAIN = "text/plain; charset=utf-8"
_HEAD_BYTES = 256
INDEX_CACHE = "max-age=0, must-revalidate"
FILE_CACHE = "max-age=365000000, immutable"
# Browsers hand answers to scripts of other sites (micropip) only with this header.
CORS = ("Access-Control-Allow-Origin", "*")


class Caching(Enum):
    """What clients may keep of an answer: its ``Cache-Control``, without passwords."""

    INDEX = INDEX_CACHE
    FILE = FILE_CACHE
    PAGE = "no-cache"


class OpenFile(NamedTuple):
    """A file to send: its descriptor and its size in bytes."""

    fd: int
    size: int


class Response:
    """A complete answer, before conditions and ranges of the request are applied.

    Args:
        headers: pairs of name and value, without length, date and validators.
        content: the bytes, or a file that `close` closes.
        etag: the strong validator, quoted.
        modified_s: a file's last change in seconds since the epoch; enables range requests.
    """

    def __init__(
        self,
        status: int,
        headers: Iterable[tuple[str, str]],
        content: bytes | OpenFile = b"",
        etag: str = "",
        modified_s: int | None = None,
    ) -> None:
        fields = [("X-Content-Type-Options", "nosniff"), *headers]
        if etag:
            fields.append(("ETag", etag))
        if modified_s is not None:
            fields += [("Last-Modified", http_date(modified_s)), ("Accept-Ranges", "bytes")]
        self.status = status
        self.block = encode_fields(fields)
        self.content = content
        self.size = content.size if isinstance(content, OpenFile) else len(content)
        self.etag = etag
        self.modified_s = modified_s

    def head(self) -> bytes:
        """Return the first bytes of the content."""
        if isinstance(self.content, OpenFile):
            head = os.read(self.content.fd, _HEAD_BYTES)
            os.lseek(self.content.fd, 0, os.SEEK_SET)
            return head
        return self.content[:_HEAD_BYTES]

    def close(self) -> None:
        """Close the file, if there is one."""
        if isinstance(self.content, OpenFile):
            os.close(self.content.fd)


def encode_fields(fields: Iterable[tuple[str, str]]) -> bytes:
    """Return header lines.

    Raises:
        ValueError: if a value could begin a line of its own.
    """
    lines = []
    for name, value in fields:
        if not value.isprintable():
            raise ValueError(f"control character in {name}")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode("latin-1")


def cache_fields(caching: Caching, *, private: bool) -> list[tuple[str, str]]:
    """Return the header fields for caches, and for scripts of other sites."""
    # Shared caches may keep files, and must not where a password is needed.
    value = "private, " * (private and caching is Caching.FILE) + caching.value
    fields = [("Cache-Control", value)]
    return fields if caching is Caching.PAGE else [*fields, CORS]


def content_tag(content: bytes) -> str:
    """Return the strong validator of a content."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def plain_response(status: int, text: str, *headers: tuple[str, str]) -> Response:
    """Return a short answer in plain text."""
    body = f"{status} {REASONS[status]}\n{text}\n".encode()
    cache = cache_fields(Caching.PAGE, private=False)
    return Response(status, [("Content-Type", TEXT_PLAIN), *cache, *headers], body)
