"""The client's side of TLS."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util.ssl_ import create_urllib3_context

from microrepo.errors import ConfigError


def find_ca_bundle(named: str | None) -> str:
    """Return the file or directory of the authorities to trust: the one named, or the usual one."""
    return (
        named
        or os.environ.get("REQUESTS_CA_BUNDLE")
        or os.environ.get("CURL_CA_BUNDLE")
        or DEFAULT_CA_BUNDLE_PATH
    )


def tls_context(ca_bundle: str | None, client_cert: str | None) -> ssl.SSLContext:
    """Return the client's side of TLS.

    Raises:
        ConfigError: the CA bundle or the client certificate cannot be used.
    """
    context = create_urllib3_context()
    bundle = find_ca_bundle(ca_bundle)
    try:
        if Path(bundle).is_dir():
            context.load_verify_locations(capath=bundle)
        else:
            context.load_verify_locations(cafile=bundle)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"{bundle}: cannot be used as a CA bundle: {error}") from error
    if client_cert:
        try:
            context.load_cert_chain(client_cert)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"{client_cert}: cannot be used as a client certificate: {error}"
            ) from error
    return context
