"""URLs of requests: origin, redirects, and a form without secrets."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

from microrepo.errors import MalformedResponse

_LOOPBACK = re.compile(r"(.+\.)?localhost|127(\.\d{1,3}){3}|::1").fullmatch
# Punctuation that ends a URL belongs to the sentence around it.
_URL = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\"'<>]*[^\s\"'<>:;,.)]")
_HIDDEN_QUERY = "…"
_USUAL_PORTS = {"http": ":80", "https": ":443"}


def is_loopback(host: str) -> bool:
    """Return whether `host` names this machine."""
    return _LOOPBACK(host) is not None


def origin_of(url: str) -> str:
    """Return scheme, host and port of `url`, in lower case, without credentials or a usual port."""
    parts = urlsplit(url)
    server = parts.netloc.rpartition("@")[2].lower()
    return f"{parts.scheme}://{server.removesuffix(_USUAL_PORTS.get(parts.scheme, ':'))}"


def leads_elsewhere(url: str, location: str) -> bool:
    """Return whether a redirect from `url` leads to another server."""
    try:
        target = urljoin(url, location)
        return origin_of(url) != origin_of(target)
    except ValueError:
        return True


def redirected(start: str, url: str, location: str) -> str:
    """Return the URL of a redirect.

    Raises:
        MalformedResponse: it is not an http(s) URL.
    """
    try:
        target = urljoin(url, location)
        if urlsplit(target).scheme in {"http", "https"} and urlsplit(target).hostname:
            return target
    except ValueError:
        target = location
    shown = public_url(target)[:80]
    raise MalformedResponse(public_url(start), f"redirects to {shown!r}, not http(s)")


def without_login(url: str) -> str:
    """Return `url` without user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:  # not a URL, but it can contain a password
        return url.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def public_url(url: str) -> str:
    """Return `url` for messages and logs: without login, values of its query, path parameters.

    Queries contain signatures and tokens.
    """
    try:
        parts = urlsplit(without_login(url))
    except ValueError:
        return url.rpartition("@")[2].partition("?")[0]
    path, hides_parameters, _ = parts.path.partition(";")
    query = _HIDDEN_QUERY if parts.query or hides_parameters else ""
    return urlunsplit(parts._replace(path=path, query=query, fragment=""))


def masked(text: str) -> str:
    """Return a text with the secrets of all URLs removed."""
    return _URL.sub(lambda match: public_url(match[0]), text) if "://" in text else text
