"""Parser of direct URLs (``name @ https://…/name-1.0.whl#sha256=…``, PEP 508)."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from microrepo.formats.distribution.filenames import (
    FLAT_DIRECTORY_SUFFIXES,
    package_type_of,
    split_release,
    unsafe_filename,
)
from microrepo.model import Digests, File

_USER = re.compile(r"://[^/?#\s]*@")
_ALGORITHMS = {"sha256": 64, "md5": 32}
_SCHEMES = ("http://", "https://")


def is_followed(url: str) -> bool:
    """Return whether a direct URL can be downloaded: not version control or a path."""
    return url.lower().startswith(_SCHEMES)


def without_user(text: str) -> str:
    """Return a text without users and passwords in URLs."""
    return _USER.sub("://***@", text)


def parse_direct_url(url: str) -> File | str:
    """Return the file of a direct URL, as far as the URL describes it, or why it cannot be kept.

    The fragment can have a digest, ``sha256`` or ``md5``; others are ignored.
    """
    if not is_followed(url):
        return "only http and https URLs are fetched"
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return "not a URL"
    if not host:
        return "a URL without a host"
    if "@" in parts.netloc:
        return "it contains a user or a password; put them in netrc"
    fragment = dict(parse_qsl(parts.fragment))
    if "subdirectory" in fragment:
        return (
            "the project is in a subdirectory of the archive, where installers do not find it by "
            "name"
        )
    name = unquote(parts.path.rpartition("/")[2])
    release = split_release(name)
    if release is None or not name.endswith(FLAT_DIRECTORY_SUFFIXES) or unsafe_filename(name):
        return f"{name!r} is not the name of a wheel or source distribution"
    digests = _digests(fragment)
    if isinstance(digests, str):
        return digests
    plain = urlunsplit(parts._replace(fragment=""))
    return File(name, plain, release[1], package_type_of(name) or "", digests)


def _digests(fragment: dict[str, str]) -> Digests | str:
    found = {}
    for algorithm, length in _ALGORITHMS.items():
        value = fragment.get(algorithm, "").lower()
        if value and (len(value) != length or value.strip("0123456789abcdef")):
            return f"#{algorithm}= is not a digest"
        if value:
            found[algorithm] = value
    return Digests(**found)
