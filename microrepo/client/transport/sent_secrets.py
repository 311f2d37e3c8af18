"""Credentials of a route, and texts without them: a server may repeat what it was sent."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import quote

_FIELDS = ("Authorization", "Proxy-Authorization")
# A shorter password would be found in innocent words.
_SHORTEST = 6
_HIDDEN = "***"


class SentSecrets:
    """What the requests of a route contain that nobody else may read.

    Args:
        headers: fields of the requests.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        found: set[str] = set()
        for field in _FIELDS:
            token = headers.get(field, "").rpartition(" ")[2]
            password = _password_in(token)
            found |= {token, token.rstrip("="), quote(token, safe="")} if token else set()
            found |= {password, quote(password, safe="")} if len(password) >= _SHORTEST else set()
        # The longest first, so that nothing is left of one that contains another.
        self._texts = sorted(found, key=lambda text: (-len(text), text))
        self._pieces = [text.encode() for text in self._texts]

    def hide(self, text: str) -> str:
        """Return a text without the credentials."""
        for secret in self._texts:
            text = text.replace(secret, _HIDDEN)
        return text

    def hide_in(self, body: bytes) -> bytes:
        """Return a body without the credentials."""
        for secret in self._pieces:
            body = body.replace(secret, _HIDDEN.encode())
        return body


def _password_in(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""
