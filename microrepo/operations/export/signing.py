"""Signatures of bundles, made by OpenSSH."""

from __future__ import annotations

import subprocess
from pathlib import Path

from microrepo.errors import ConfigError
from microrepo.standalone.importer.bundle_header import SIGNATURE_NAMESPACE

_TIMEOUT_S = 300.0  # a user may have to type a passphrase or touch a key


class Signer:
    """Signs the headers of a bundle's volumes.

    Args:
        key: private key, or public key of one that an agent holds.

    Raises:
        ConfigError: the key is not a file.
    """

    def __init__(self, key: Path) -> None:
        if not key.is_file():
            raise ConfigError(f"--sign: {key} is not a key file; make one with `ssh-keygen`")
        self._key = key

    def __call__(self, content: bytes) -> bytes:
        """Return the signature of `content`.

        Raises:
            ConfigError: the key cannot be used, or ssh-keygen is not installed.
        """
        command = ["ssh-keygen", "-Y", "sign", "-n", SIGNATURE_NAMESPACE, "-f", str(self._key)]
        try:
            done = subprocess.run(
                command, input=content, capture_output=True, timeout=_TIMEOUT_S, check=False
            )
        except FileNotFoundError:
            raise ConfigError("--sign needs ssh-keygen (OpenSSH 8.1 or later)") from None
        except subprocess.TimeoutExpired:
            raise ConfigError(f"--sign: ssh-keygen did not sign with {self._key}") from None
        if done.returncode or not done.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
            reason = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["failed"]
            raise ConfigError(f"--sign: ssh-keygen cannot sign with {self._key}: {reason[0]}")
        return done.stdout
