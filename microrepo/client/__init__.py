"""The one way to the network: sessions, retries, limits, credentials."""

from microrepo.client.http_client import Answer, Client, ClientSettings

__all__ = ["Answer", "Client", "ClientSettings"]
