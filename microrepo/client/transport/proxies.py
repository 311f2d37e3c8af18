"""Proxies of a server: those of the settings, or of the environment as `requests` reads it.

`requests` takes longer to load than all else that a short run loads, so it is asked only where the
environment can name a proxy.
"""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

from microrepo.client.addresses import is_loopback


def has_proxies() -> bool:
    """Return whether the environment can name proxies; macOS and Windows keep them elsewhere too."""
    return not sys.platform.startswith("linux") or any(
        name.lower().endswith("_proxy") and text for name, text in os.environ.items()
    )


def find_proxies(url: str, named: str | None) -> tuple[dict[str, str], str | None]:
    """Return the proxies for a URL by scheme, in the form of `requests`, and the one to use.

    Args:
        named: proxy of the settings, which takes precedence over the environment.
    """
    if named:
        if is_loopback(urlsplit(url).hostname or ""):
            return {}, None
        return {"http": named, "https": named}, named
    if not has_proxies():
        return {}, None
    from requests.utils import get_environ_proxies, select_proxy

    proxies = dict(get_environ_proxies(url, no_proxy=None))
    return proxies, select_proxy(url, proxies)
