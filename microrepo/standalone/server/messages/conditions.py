"""Conditions and ranges: select the part of a response to send (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from microrepo.standalone.server.messages.http_dates import parse_http_date
from microrepo.standalone.server.messages.requests import Request
from microrepo.standalone.server.messages.responses import Response, encode_fields


class Part(NamedTuple):
    """The part of a response to send: status, more header lines, range of bytes."""

    status: int
    block: bytes
    start: int
    length: int


def select_part(request: Request, response: Response) -> Part:
    """Apply If-None-Match, If-Modified-Since, Range and If-Range to a response (RFC 9110)."""
    size = response.size
    if response.status != 200 or not (response.etag or response.modified_s):
        return Part(response.status, b"", 0, size)
    headers = request.headers
    if _is_unchanged(headers, response):
        return Part(304, b"", 0, 0)
    if "range" not in headers or request.method != "GET" or response.modified_s is None:
        return Part(200, b"", 0, size)
    if "if-range" in headers and not _same_version(headers["if-range"], response):
        return Part(200, b"", 0, size)
    return _select_range(headers["range"], size)


def _is_unchanged(headers: Mapping[str, str], response: Response) -> bool:
    known = headers.get("if-none-match")
    if known is not None:
        tags = re.findall(r'"[^"]*"|\*', known)
        return response.etag in tags or tags == ["*"]
    since = headers.get("if-modified-since")
    if since is None or response.modified_s is None:
        return False
    seconds = parse_http_date(since)
    return seconds is not None and response.modified_s <= seconds


def _same_version(validator: str, response: Response) -> bool:
    if validator.startswith('"'):
        return validator == response.etag
    return response.modified_s is not None and parse_http_date(validator) == response.modified_s


def _select_range(text: str, size: int) -> Part:
    match = re.fullmatch(
        r"bytes\s*=\s*(\d{0,18})-(\d{0,18})", text.strip(), re.IGNORECASE | re.ASCII
    )
    if match is None or not any(match.groups()):
        # More than one range, or none that is understood: the whole is a right answer, too.
        return Part(200, b"", 0, size)
    first, last = match.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if first and last and int(last) < int(first):
        return Part(200, b"", 0, size)
    if start > end:
        return Part(416, encode_fields([("Content-Range", f"bytes */{size}")]), 0, 0)
    return Part(
        206,
        encode_fields([("Content-Range", f"bytes {start}-{end}/{size}")]),
        start,
        end - start + 1,
    )
