"""Passwords: check Basic credentials (RFC 7617) against a file of salted hashes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from collections import OrderedDict
from typing import NamedTuple

PASSWORD_ROUNDS = 200_000
_MAX_ROUNDS = 10_000_000
_ENTRY = re.compile(r"pbkdf2_sha256\$(\d{1,8})\$((?:[0-9a-f]{2}){1,64})\$[0-9a-f]{64}", re.ASCII)
_MAX_RIGHT, _MAX_WRONG = 10_000, 1000


class Login(NamedTuple):
    """The decision about a request's credentials; ``user`` is empty unless they are right."""

    allowed: bool
    user: str = ""


ANYBODY, REFUSED = Login(allowed=True), Login(allowed=False)


class OpenDoor:
    """Allows everybody: the server has no password file."""

    private = False

    def known(self, _header: str) -> Login:
        """Return the decision, which costs nothing here."""
        return ANYBODY

    check = known


class Passwords:
    """Checks credentials against a file with lines of ``user:hash``.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is malformed, or the file has no users.
    """

    private = True

    def __init__(self, path: str) -> None:
        self._hashes = _read_hashes(path)
        self._right: OrderedDict[bytes, Login] = OrderedDict()
        self._wrong: OrderedDict[bytes, Login] = OrderedDict()
        self._key = os.urandom(32)

    def known(self, header: str) -> Login | None:
        """Return the decision on credentials that were checked before, None for new ones."""
        if not header:
            return REFUSED
        seal = self._seal(header)
        return self._right.get(seal) or self._wrong.get(seal)

    def check(self, header: str) -> Login:
        """Check credentials, which takes a tenth of a second on purpose, and remember the result."""
        user, password = _read_basic(header)
        # An unknown user costs the same time as a known one.
        entry = self._hashes.get(user, f"pbkdf2_sha256${PASSWORD_ROUNDS}$00$00")
        _, rounds, salt, _ = entry.split("$")
        found = hash_password(password, bytes.fromhex(salt), int(rounds))
        right = hmac.compare_digest(found, entry) and user in self._hashes
        # Guesses may push out other guesses, but nobody whose password was right.
        kept, limit = (self._right, _MAX_RIGHT) if right else (self._wrong, _MAX_WRONG)
        kept[self._seal(header)] = login = Login(allowed=True, user=user) if right else REFUSED
        if len(kept) > limit:
            kept.popitem(last=False)
        return login

    def _seal(self, header: str) -> bytes:
        return hmac.new(self._key, header.encode("latin-1"), "sha256").digest()


def hash_password(password: str, salt: bytes = b"", rounds: int = PASSWORD_ROUNDS) -> str:
    """Return the entry of a password in the password file: PBKDF2 of SHA-256, salted."""
    salt = salt or os.urandom(16)
    digest = hashlib.pbkdf2_hmac("sha256", password.encode("utf-8"), salt, rounds)
    return f"pbkdf2_sha256${rounds}${salt.hex()}${digest.hex()}"


def _read_hashes(path: str) -> dict[str, str]:
    with open(path, "rb") as stream:
        lines = stream.read().decode("utf-8", "replace").split("\n")
    hashes = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            user, _, entry = line.strip().rpartition(":")
            match = _ENTRY.fullmatch(entry)
            if not _is_user(user) or match is None or not 0 < int(match[1]) <= _MAX_ROUNDS:
                raise ValueError(f"{path}, line {number}: not user:hash; see --hash-password")
            hashes[user] = entry
    if not hashes:
        raise ValueError(f"{path}: no users; add one with --hash-password")
    return hashes


def _is_user(user: str) -> bool:
    # U+FFFD stands for bytes that are not UTF-8; a colon would end the name in credentials.
    return bool(user) and user.isprintable() and ":" not in user and "\ufffd" not in user


def _read_basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except ValueError:
        text = ""
    user, _, password = text.partition(":") if scheme.lower() == "basic" else ("", "", "")
    return user, password
