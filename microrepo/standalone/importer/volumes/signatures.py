"""Signatures of bundles: made and verified by OpenSSH's `ssh-keygen -Y`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

from microrepo.standalone.importer.bundle_header import (
    HEADER_MEMBER,
    SIGNATURE_MEMBER,
    SIGNATURE_NAMESPACE,
    BundleError,
)

_PROGRAM = "ssh-keygen"
_PATIENCE_S = 60


class SignatureCheck:
    """Decides whether a header counts, by its signature.

    Args:
        allowed_signers: file of allowed signers (`ssh-keygen(1)`, ALLOWED SIGNERS); "" if none was
            ever configured.
        allow_unsigned: accept headers without a signature.
        was_verified: the last bundle was verified, so the next one has to be.
    """

    def __init__(
        self, allowed_signers: str, *, allow_unsigned: bool = False, was_verified: bool = False
    ) -> None:
        self.allowed_signers = allowed_signers
        self.allow_unsigned = allow_unsigned
        self._was_verified = was_verified
        self._known: dict[tuple[bytes, bytes], str] = {}

    def signer(self, header: bytes, signature: bytes) -> str:
        """Return who signed a header; "" for an unsigned or unverified one that is accepted.

        Raises:
            BundleError: it is not accepted.
        """
        if not self.allowed_signers:
            if self._was_verified and not self.allow_unsigned:
                raise BundleError(
                    "the bundle before was verified, but no signers are configured now. Name them "
                    "with --allowed-signers FILE or in .microrepo/allowed_signers, or accept "
                    "unverified bundles with --allow-unsigned."
                )
            return ""
        if signature:
            if (header, signature) not in self._known:
                signer = _verified(self.allowed_signers, header, signature)
                self._known[header, signature] = signer
            return self._known[header, signature]
        if self.allow_unsigned:
            return ""
        raise BundleError(
            "the bundle is not signed, but signers are configured. Sign it outside "
            "(`microrepo export --sign KEY`), or accept it with --allow-unsigned."
        )

    def remark(self, signature: bytes, signer: str) -> str:
        """Return what to tell people about the origin of an accepted header."""
        if signer:
            return f"signed by {signer}"
        if signature:
            return (
                "signed, but the signature is not verified: no signers are configured "
                "(--allowed-signers FILE)"
            )
        return "not signed; anybody can have made it"


def _verified(allowed_signers: str, header: bytes, signature: bytes) -> str:
    """Return the signer of a header.

    Raises:
        BundleError: no allowed signer has made the signature, or it cannot be verified here.
    """
    program = shutil.which(_PROGRAM)
    if program is None:
        raise BundleError(
            f"the signature cannot be verified: {_PROGRAM} not found. Install OpenSSH "
            "(version 8.2 or later)."
        )
    if not os.path.isfile(allowed_signers):
        raise BundleError(f"{allowed_signers}: file of allowed signers not found")
    with tempfile.TemporaryDirectory(prefix="microrepo-") as folder:
        path = os.path.join(folder, SIGNATURE_MEMBER)
        with open(path, "wb") as stream:
            stream.write(signature)
        common = ["-s", path, "-f", allowed_signers]
        found = _run([program, "-Y", "find-principals", *common], b"")
        for principal in _lines(found.stdout):
            command = [program, "-Y", "verify", "-n", SIGNATURE_NAMESPACE, "-I", principal, *common]
            done = _run(command, header)
            if done.returncode == 0:
                return principal
            found = done
    why = " ".join(_lines(found.stderr)) or "no allowed signer made it"
    raise BundleError(
        f"the signature of {HEADER_MEMBER} is not valid by {allowed_signers}: {why}. Do not use "
        "this bundle. If the key is new, add it to the allowed signers."
    )


def _run(command: Sequence[str], given: bytes) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command, input=given, capture_output=True, timeout=_PATIENCE_S, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BundleError(f"the signature cannot be verified: {_PROGRAM}: {error}") from None


def _lines(output: bytes) -> list[str]:
    text = output.decode("utf-8", "replace")
    return ["".join(filter(str.isprintable, line)) for line in text.splitlines() if line.strip()]
