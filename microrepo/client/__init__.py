"""HTTP client: sessions, retries, limits, credentials.

Commands without network access use parts of this package too, so the client is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from microrepo.client.settings import Answer, ClientSettings

if TYPE_CHECKING:
    from microrepo.client.http_client import Client

__all__ = ["Answer", "Client", "ClientSettings"]


def __getattr__(name: str) -> object:
    """Load the client at its first use (PEP 562)."""
    if name != "Client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from microrepo.client.http_client import Client

    return Client
