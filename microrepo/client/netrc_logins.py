"""Logins of netrc. Its `default` entry is only for hosts that the user named."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from urllib.parse import urlsplit

_FILES = ("~/.netrc", "~/_netrc")


def netrc_login(url: str, *, with_default: bool) -> tuple[str, str] | None:
    """Return user and password for the host of a URL; None without any, or without the file.

    Args:
        url: URL with the host.
        with_default: use the `default` entry too.
    """
    host = urlsplit(url).hostname
    path = _path()
    if host is None or path is None:
        return None
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return None
    found = hosts.get(host) or (hosts.get("default") if with_default else None)
    return (found[0] or found[1] or "", found[2] or "") if found else None


def _path() -> str | None:
    named = os.environ.get("NETRC")
    for text in (named,) if named else _FILES:
        try:
            path = Path(text).expanduser()
        except RuntimeError:  # there is no home
            continue
        if path.exists():
            return str(path)
    return None
