"""Bodies of responses: read completely within limits, or discarded."""

from __future__ import annotations

from collections.abc import Iterator

from microrepo.client.addresses import public_url
from microrepo.client.transport.pace import DOCUMENT, UNREAD
from microrepo.client.transport.response_protocol import Response
from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import Bound, Meter
from microrepo.formats.compression import Method, unpack

PIECE_BYTES = 1 << 18
# An unused body up to this size is read, to reuse the connection.
_WORTH_READING = 1 << 16
# The same for a body of unknown length.
_WORTH_A_LOOK = 1 << 12
_METHODS: dict[str, Method] = {
    "": "store",
    "identity": "store",
    "gzip": "gzip",
    "x-gzip": "gzip",
    "deflate": "zlib",
}


def read_document(response: Response, url: str, bound: Bound) -> bytes:
    """Return the unpacked body of a response.

    Raises:
        OutOfBounds: it is larger, or has more elements, than `bound` allows.
        MalformedResponse: it cannot be unpacked.
        OSError: the connection broke.
    """
    response.hold_to(DOCUMENT)
    name = public_url(url)
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    method = _METHODS.get(encoding)
    if method is None:
        raise MalformedResponse(name, f"is encoded with {encoding[:80]!r}, which was not requested")
    # Elements end at commas and brackets in JSON, at tags in HTML.
    is_json = "json" in response.headers.get("Content-Type", "").lower()
    meter = Meter(bound, name, b",[{" if is_json else b"<")
    pieces = _pieces(response)
    first = next(pieces, b"")
    if method == "zlib" and first and first[0] & 0x0F != 8:
        method = "deflate"  # some servers omit the zlib header
    if not first:
        return b""
    return b"".join(unpack(method, _with(first, pieces), meter, name))


def _pieces(response: Response) -> Iterator[bytes]:
    while piece := response.read(PIECE_BYTES):
        yield piece


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def read_reply(response: Response, most_bytes: int = _WORTH_READING) -> bytes:
    """Return the beginning of a text body, packed or not; then end the response."""
    response.hold_to(UNREAD)
    pieces: list[bytes] = []
    left = most_bytes
    try:
        while left > 0 and (piece := response.read(left)):
            pieces.append(piece)
            left -= len(piece)
    except OSError:
        response.close()
    else:
        finish(response, complete=left > 0)
    return b"".join(pieces)


def finish(response: Response, *, complete: bool) -> None:
    """End a response; reuse its connection only after a complete body."""
    if complete:
        response.release_conn()
    else:
        response.close()


def put_aside(response: Response) -> None:
    """End a response without reading its body, except a short one, to reuse the connection."""
    length = response.headers.get("Content-Length", "")
    is_number = length.isascii() and length.isdigit() and len(length) <= 6
    if is_number and int(length) <= _WORTH_READING:
        read_reply(response, _WORTH_READING + 1)
    elif response.headers.get("Transfer-Encoding"):
        read_reply(response, _WORTH_A_LOOK)
    else:
        response.close()
