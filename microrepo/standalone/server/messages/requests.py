"""HTTP requests: parse request heads strictly (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

MAX_LINE_BYTES = 8 << 10


MAX_HEAD_BYTES = 32 << 10


MAX_FIELDS = 100


MAX_BODY_BYTES = 64 << 10


# A thousand usual questions are about 80 KB.
MAX_QUERY_BYTES = 256 << 10


# Questions of OSV's API. The bodies of all other requests are skipped.
QUERY_PATHS = frozenset(("/v1/query", "/v1/querybatch"))


_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"


_REQUEST_LINE = re.compile(rb"(%s) ([!-~]+) HTTP/(\d)\.(\d)" % _NAME.encode())


_FIELD_NAME = re.compile(_NAME.encode())


_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n")


_HOST = re.compile(r"[A-Za-z0-9._-]*(?::\d*)?|\[[0-9A-Fa-f:.]+\](?::\d*)?")


_ONCE = {"host", "content-length", "transfer-encoding", "authorization", "range", "if-range"}


class RequestError(Exception):
    """A request that gets an answer and then no other on its connection."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


class Request(NamedTuple):
    """One parsed request; header names are lower case, `path` and `query` are undecoded.

    ``body`` is empty unless `is_query`; ``body_bytes`` is its announced length.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    line: str
    keep_alive: bool
    body_bytes: int = 0
    body: bytes = b""

    @property
    def is_query(self) -> bool:
        """Whether the request asks OSV's API for advisories, which changes nothing."""
        return self.method == "POST" and self.path in QUERY_PATHS

    @property
    def is_script(self) -> bool:
        """Whether a script in a browser asks (Fetch standard): of another site, or of this one."""
        headers = self.headers
        return "origin" in headers or headers.get("sec-fetch-dest") == "empty"


def parse_request(head: bytes) -> Request:
    """Parse a request line and header lines, without the empty line that ends them.

    Raises:
        RequestError: if anything is not as RFC 9112 has it, or is not supported.
    """
    if _CONTROL.search(head):
        raise RequestError(400, "control character in the request")
    lines = head.split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(lines[0])
    if match is None:
        raise RequestError(400, "malformed request line")
    method, target, major, minor = match.groups()
    if major != b"1":
        raise RequestError(505, "only HTTP/1.x is supported")
    headers = _parse_fields(lines[1:])
    path, query = _split_target(target.decode("ascii"))
    connection = headers.get("connection", "").lower()
    keep = "close" not in connection if minor != b"0" else "keep-alive" in connection
    host = headers.get("host")
    if (host is None and minor != b"0") or not _HOST.fullmatch(host or ""):
        raise RequestError(400, "missing or malformed Host header")
    line = lines[0].decode("ascii")
    request = Request(method.decode("ascii"), path, query, headers, line, keep)
    max_bytes = MAX_QUERY_BYTES if request.is_query else MAX_BODY_BYTES
    return request._replace(body_bytes=_body_bytes(headers, max_bytes))


def _parse_fields(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > MAX_FIELDS:
        raise RequestError(431, "too many header fields")
    headers: dict[str, str] = {}
    for line in lines:
        raw_name, colon, raw_value = line.partition(b":")
        if not colon or not _FIELD_NAME.fullmatch(raw_name):
            raise RequestError(400, "malformed header field")
        name, value = raw_name.decode("ascii").lower(), raw_value.strip(b" \t").decode("latin-1")
        if name not in headers:
            headers[name] = value
        elif name in _ONCE:
            raise RequestError(400, f"{name} is given twice")
        else:
            headers[name] += ", " + value
    return headers


def _split_target(target: str) -> tuple[str, str]:
    if not target.startswith("/"):
        match = re.match(r"https?://[^/?#]*(?=/)", target, re.IGNORECASE)
        if match is None:
            raise RequestError(400, "malformed request target")
        target = target[match.end() :]
    if "#" in target:
        raise RequestError(400, "malformed request target")
    path, _, query = target.partition("?")
    return path, query


def _body_bytes(headers: Mapping[str, str], max_bytes: int) -> int:
    length = headers.get("content-length")
    if "transfer-encoding" in headers:
        raise RequestError(400 if length else 501, "Transfer-Encoding is not supported")
    if length is None:
        return 0
    if not (length.isascii() and length.isdigit()):
        raise RequestError(400, "malformed Content-Length")
    if len(length) > 18 or int(length) > max_bytes:
        raise RequestError(413, f"request bodies over {max_bytes >> 10} KiB are not accepted")
    if "expect" in headers:
        raise RequestError(417, "Expect header is not supported")
    return int(length)


def split_path(path: str) -> list[str] | None:
    """Decode a path into its segments, or return None if one is hidden, climbs or is malformed."""
    parts = []
    for raw in path.split("/")[1:]:
        try:
            part = unquote_to_bytes(raw).decode("utf-8") if "%" in raw else raw
        except UnicodeDecodeError:
            return None
        if part.startswith(".") or not part.isprintable() or any(sign in part for sign in "/\\:"):
            return None
        parts.append(part)
    return None if "" in parts[:-1] else parts
