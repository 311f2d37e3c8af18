"""The client's side of TLS."""

from __future__ import annotations

import ssl
from pathlib import Path

from urllib3.util.ssl_ import create_urllib3_context

from microrepo.client.transport.ca_bundle import find_ca_bundle
from microrepo.errors import ConfigError


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
