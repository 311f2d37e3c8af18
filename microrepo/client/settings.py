"""Settings of a client, and the record of a complete response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from microrepo.formats.bounds import DOCUMENT, Bound

TransportName = Literal["auto", "libcurl", "requests"]


class ClientSettings(Struct, frozen=True):
    """Settings of a client; sent to the workers.

    Attributes:
        auth: per origin (``https://host:port``) a user and a password.
        limits_dir: directory for the rate limits' files; no limits without it.
        requests_per_second: API requests, after a first `burst`; None for no limit.
        bandwidth_bytes: bytes of files per second; None for no limit.
        internal_hosts: hosts on private networks that sources may lead to.
        transport: what carries requests; ``auto`` is libcurl where it is installed.
        document_bytes: largest document or page of one project; None = the default bound.
    """

    contact: str | None = None
    proxy: str | None = None
    ca_bundle: str | None = None
    client_cert: str | None = None
    timeout_s: float = 30
    retries: int = 5
    allow_http: bool = False
    connections: int = 10
    auth: dict[str, tuple[str, str]] = {}
    limits_dir: str | None = None
    requests_per_second: float | None = None
    burst: float = 1
    bandwidth_bytes: int | None = None
    internal_hosts: tuple[str, ...] = ()
    transport: TransportName = "auto"
    document_bytes: int | None = None


class Answer(Struct, frozen=True):
    """A complete response: status, headers (any case), body, final URL, reason.

    Attributes:
        bound: what its body was allowed to cost.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    reason: str = ""
    bound: Bound = DOCUMENT
