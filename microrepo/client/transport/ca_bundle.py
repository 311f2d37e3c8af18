"""Authorities that the client trusts."""

from __future__ import annotations

import os

from certifi import where


def find_ca_bundle(named: str | None) -> str:
    """Return the file or directory of the authorities to trust: the one named, or the usual one."""
    return (
        named or os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or where()
    )
