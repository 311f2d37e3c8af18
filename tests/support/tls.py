"""A certificate authority of our own, made by the `openssl` program."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DAYS = ("-days", "30")
_LEAF = """\
subjectAltName=IP:127.0.0.1,DNS:localhost
basicConstraints=critical,CA:FALSE
authorityKeyIdentifier=keyid
subjectKeyIdentifier=hash
extendedKeyUsage=serverAuth,clientAuth
"""


def has_openssl() -> bool:
    """Return whether certificates can be made here."""
    return shutil.which("openssl") is not None


@dataclass(frozen=True)
class Authority:
    """Files of an authority and of what it issued.

    `client_pem` holds certificate and key in one file, `client_cert` and `client_key` apart.
    """

    directory: Path

    @property
    def ca_bundle(self) -> Path:
        """What a client must trust."""
        return self.directory / "ca.pem"

    @property
    def client_cert(self) -> Path:
        """The client's certificate alone."""
        return self.directory / "client.pem"

    @property
    def client_key(self) -> Path:
        """The client's private key alone."""
        return self.directory / "client.key"

    @property
    def client_pem(self) -> Path:
        """The client's certificate and private key."""
        return self.directory / "client-both.pem"

    def server_context(self, *, require_client_cert: bool = False) -> ssl.SSLContext:
        """Return the server's side of TLS for 127.0.0.1 and localhost."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.directory / "server.pem", self.directory / "server.key")
        if require_client_cert:
            context.load_verify_locations(self.ca_bundle)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def make_authority(directory: Path) -> Authority:
    """Make an authority and let it issue certificates for a server and a client."""
    directory.mkdir(parents=True, exist_ok=True)
    _openssl(
        directory,
        *("req", "-x509", *_KEY, *_DAYS, "-keyout", "ca.key", "-out", "ca.pem"),
        *("-subj", "/CN=Test authority", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    (directory / "leaf.cnf").write_text(_LEAF)
    for role in ("server", "client"):
        subject = ("-subj", f"/CN=Test {role}")
        request = ("-keyout", f"{role}.key", "-out", f"{role}.csr")
        _openssl(directory, "req", "-new", *_KEY, *subject, *request)
        _openssl(
            directory,
            *("x509", "-req", "-in", f"{role}.csr", "-CA", "ca.pem", "-CAkey", "ca.key"),
            *("-CAcreateserial", *_DAYS, "-extfile", "leaf.cnf", "-out", f"{role}.pem"),
        )
    authority = Authority(directory)
    authority.client_pem.write_bytes(
        authority.client_cert.read_bytes() + authority.client_key.read_bytes()
    )
    return authority


def _openssl(directory: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)
