"""HTTP without sockets: what is asked, what is there, what is answered (RFC 9110)."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

_LARGE_BYTES = 1 << 20
_ONE_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


@dataclass
class Request:
    """One request as it came in; `status` and `bytes_sent` are filled while it is answered.

    `headers` has lower-case names, `path` includes the query, `bytes_sent` counts the body.
    `status` stays 0 when the connection was dropped without an answer.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    client_port: int
    body: bytes = b""
    status: int = 0
    bytes_sent: int = 0


@dataclass(frozen=True)
class Resource:
    """What lies under a URL, before conditions, ranges and compression."""

    body: bytes
    content_type: str
    etag: str
    cache_control: str = "max-age=900, public"
    serial: int | None = None
    last_modified: str | None = None
    vary: str | None = None
    is_file: bool = False


@dataclass(frozen=True)
class Answer:
    """What goes over the wire; `closes` ends the connection afterwards.

    Without `has_length` no Content-Length is sent.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    closes: bool = False
    has_length: bool = True


@dataclass(frozen=True)
class Abilities:
    """What a server can do of HTTP's finer points."""

    etags: bool = True
    ranges: bool = True
    gzip: bool = True


def md5_etag(body: bytes) -> str:
    """Return PyPI's kind of ETag: the quoted md5 of what is sent."""
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def answer_for(resource: Resource, headers: Mapping[str, str], can: Abilities) -> Answer:
    """Answer a GET or HEAD for a resource."""
    sent = {"Content-Type": resource.content_type, "Cache-Control": resource.cache_control}
    if resource.vary:
        sent["Vary"] = resource.vary
    if resource.serial is not None:
        sent["X-PyPI-Last-Serial"] = str(resource.serial)
    body, etag = resource.body, resource.etag
    if can.gzip and not resource.is_file and "gzip" in headers.get("accept-encoding", ""):
        body, etag = (_gzipped_large if len(body) > _LARGE_BYTES else _gzipped)(body)
        sent["Content-Encoding"] = "gzip"
    if can.etags:
        sent["ETag"] = etag
        if resource.last_modified:
            sent["Last-Modified"] = resource.last_modified
    if can.etags and _is_unchanged(sent, headers):
        return Answer(304, {key: sent[key] for key in sent if not key.startswith("Content-")})
    if resource.is_file and can.ranges:
        return _ranged(body, headers, sent)
    return Answer(200, sent, body)


def _is_unchanged(sent: Mapping[str, str], headers: Mapping[str, str]) -> bool:
    known = headers.get("if-none-match")
    if known is not None:
        candidates = {value.strip().removeprefix("W/") for value in known.split(",")}
        return "*" in candidates or sent["ETag"] in candidates
    since = headers.get("if-modified-since")
    return since is not None and since == sent.get("Last-Modified")


def _ranged(body: bytes, headers: Mapping[str, str], sent: dict[str, str]) -> Answer:
    sent["Accept-Ranges"] = "bytes"
    match = _ONE_RANGE.match(headers.get("range", "").strip())
    condition = headers.get("if-range")
    if not match or match.group() == "bytes=-":
        return Answer(200, sent, body)
    if condition is not None and condition not in {sent.get("ETag"), sent.get("Last-Modified")}:
        return Answer(200, sent, body)
    first, last = _bounds(match.group(1), match.group(2), len(body))
    if first >= len(body) or last < first:
        return Answer(416, {**sent, "Content-Range": f"bytes */{len(body)}"})
    sent["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
    return Answer(206, sent, body[first : last + 1])


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size - 1 if int(last) else -1
    return int(first), min(int(last), size - 1) if last else size - 1


@lru_cache(maxsize=8192)
def _gzipped(body: bytes) -> tuple[bytes, str]:
    packed = gzip.compress(body, compresslevel=1, mtime=0)
    return packed, md5_etag(packed)


@lru_cache(maxsize=2)
def _gzipped_large(body: bytes) -> tuple[bytes, str]:
    return _gzipped.__wrapped__(body)


def preferred(accept: str, offers: tuple[str, ...]) -> str | None:
    """Choose among media types by an Accept header; the earlier offer wins a tie.

    Returns:
        The offer, None if nothing is acceptable.
    """
    if not accept.strip():
        return offers[0]
    weights = [(_weight(accept, offer), -place, offer) for place, offer in enumerate(offers)]
    best = max(weights)
    return best[2] if best[0] > 0 else None


def _weight(accept: str, offer: str) -> float:
    found = (-1, 0.0)
    for part in accept.split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        exactness = _exactness(media.lower(), offer)
        if exactness > found[0]:
            found = (exactness, float(quality))
    return found[1]


def _exactness(media: str, offer: str) -> int:
    if media == offer:
        return 2
    if media.endswith("/*") and offer.startswith(media[:-1]):
        return 1
    return 0 if media == "*/*" else -1
