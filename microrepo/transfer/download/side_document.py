"""Reader of small documents beside distributions: metadata files, provenance objects."""

from __future__ import annotations

from collections.abc import Mapping

from microrepo.client import Client
from microrepo.client.addresses import public_url
from microrepo.client.bodies import put_aside, read_document
from microrepo.client.credentials import unauthorized_file
from microrepo.client.transport.response_protocol import error_text
from microrepo.errors import AccessDenied, MalformedResponse, Unavailable
from microrepo.formats.bounds import Bound


def read_side_document(
    client: Client, url: str, headers: Mapping[str, str], bound: Bound
) -> bytes | None:
    """Return the document at an address that a page lists; None if it does not exist.

    Raises:
        SourceError: it cannot be read, or exceeds the bound.
    """
    response = client.open(url, headers)
    if response.status != 200:
        put_aside(response)
        if response.status in {404, 410}:
            return None
        if response.status == 401:
            raise AccessDenied(public_url(url), unauthorized_file(response.url or url))
        raise Unavailable(public_url(url), f"answers HTTP {response.status}")
    try:
        body = read_document(response, url, bound)
    except OSError as error:
        response.close()
        raise Unavailable(public_url(url), error_text(error)) from error
    except MalformedResponse:
        response.close()
        raise
    response.release_conn()
    client.throttle(len(body))
    return body
