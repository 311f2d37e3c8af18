"""Content negotiation: the type of index page that a request asks for (PEP 691)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import parse_qs

from microrepo.standalone.server.index_pages import HTML_TYPE, JSON_TYPE, TEXT_TYPE
from microrepo.standalone.server.messages.requests import Request


@lru_cache(maxsize=256)
def negotiate(accept: str) -> str:
    """Choose the index page's type for an Accept header (PEP 691); empty if none will do.

    The most specific range counts for each type; equal weights go to HTML, which every client can
    read. `latest` is answered with the real version.
    """
    ranges = [_parse_media_range(item) for item in accept.split(",") if item.strip()]
    if not ranges:
        return TEXT_TYPE
    best, chosen = 0.0, ""
    for offer in (TEXT_TYPE, HTML_TYPE, JSON_TYPE):
        weight = max((rank, -at, q) for at, (rank, q) in enumerate(_ranks(ranges, offer)))[2]
        if weight > best:
            best, chosen = weight, offer
    return chosen


def _parse_media_range(item: str) -> tuple[str, float]:
    media, *parameters = (part.strip().lower() for part in item.split(";"))
    quality = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    valid = re.fullmatch(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", quality)
    return media.replace("simple.latest+", "simple.v1+"), float(quality) if valid else 0.0


def _ranks(ranges: list[tuple[str, float]], offer: str) -> Iterator[tuple[int, float]]:
    major = offer.split("/", 1)[0] + "/*"
    for media, quality in ranges:
        rank = 3 if media == offer else 2 if media == major else 1 if media == "*/*" else 0
        yield rank, quality if rank else 0.0


def wanted_type(request: Request) -> str:
    """Return the type an index page is asked for, by ``?format=`` or by Accept; empty: none."""
    asked = parse_qs(request.query).get("format")
    if asked:
        # A plus sign in a query stands for a space, yet people write the type as it is.
        media = _parse_media_range(asked[0].replace(" ", "+"))[0]
        return media if media in {TEXT_TYPE, HTML_TYPE, JSON_TYPE} else ""
    return negotiate(request.headers.get("accept", ""))
