"""The one way to the network: sessions, retries, limits, credentials."""

from microrepo.client.http_client import Client
from microrepo.client.settings import Answer, ClientSettings

__all__ = ["Answer", "Client", "ClientSettings"]
