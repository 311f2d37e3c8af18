"""TLS support: the ssl module where Python has it, and the errors that mean "wait"."""

from __future__ import annotations

from microrepo.standalone.server.options import Options

try:
    import ssl
    from ssl import SSLWantReadError as SSLWantReadError  # noqa: PLC0414  # others import it here
    from ssl import SSLWantWriteError as SSLWantWriteError  # noqa: PLC0414
except ImportError:  # a Python built without TLS
    ssl = None  # type: ignore[assignment]
    SSLWantReadError = SSLWantWriteError = BlockingIOError  # type: ignore[assignment,misc]

WAITING_ERRORS = (BlockingIOError, InterruptedError, SSLWantReadError, SSLWantWriteError)


def tls_context(options: Options) -> ssl.SSLContext:
    """Return the context of a server with this certificate; TLS 1.2 and later.

    Raises:
        OSError: the certificate or its key cannot be used.
        ValueError: this Python has no TLS.
    """
    if ssl is None:
        raise ValueError("--certificate: this Python was built without TLS")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(options.certificate, options.key or None)
    return context
