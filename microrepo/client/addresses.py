"""URLs as requests need them: their origin, where redirects lead, what may be shown of them."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

from microrepo.errors import MalformedResponse

_LOOPBACK = re.compile(r"(.+\.)?localhost|127(\.\d{1,3}){3}|::1").fullmatch


def is_loopback(host: str) -> bool:
    """Tell whether `host` names this machine."""
    return _LOOPBACK(host) is not None


def origin_of(url: str) -> str:
    """Return scheme, host and port of `url`, without credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def leads_elsewhere(url: str, location: str) -> bool:
    """Tell whether a redirect from `url` leads to another server."""
    try:
        target = urljoin(url, location)
        return origin_of(url).casefold() != origin_of(target).casefold()
    except ValueError:
        return True


def redirected(start: str, url: str, location: str) -> str:
    """Return where a redirect leads, or raise `MalformedResponse` when that is no web address."""
    try:
        target = urljoin(url, location)
        if urlsplit(target).scheme in {"http", "https"} and urlsplit(target).hostname:
            return target
    except ValueError:
        target = location
    raise MalformedResponse(public_url(start), f"redirects to {target[:80]!r}, not http(s)")


def public_url(url: str) -> str:
    """Return `url` without user and password, fit for messages and logs."""
    try:
        parts = urlsplit(url)
    except ValueError:  # not a URL, though a password may stand in it
        return url.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
