"""Remote file, read by ranges."""

from __future__ import annotations

import io

from microrepo.client import Client
from microrepo.client.addresses import public_url
from microrepo.client.bodies import put_aside
from microrepo.client.transport.pace import DOCUMENT
from microrepo.client.transport.response_protocol import Response, error_text
from microrepo.errors import Unavailable

_TAIL_BYTES = 64 << 10


class RangesRefused(Exception):
    """The server does not support ranges."""


class RemoteFile(io.RawIOBase):
    """A remote file, read by ranges: zipfile needs only the end of a wheel.

    Args:
        client: the HTTP client.
        url: URL of the file.
        size_bytes: its length, as announced.
    """

    def __init__(self, client: Client, url: str, size_bytes: int) -> None:
        super().__init__()
        self._client = client
        self._url = url
        self._size = size_bytes
        self._place = 0
        self._start = 0
        self._held = b""
        self.fetched_bytes = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to an offset, without a request."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """Return the offset."""
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Return bytes from the offset, downloading missing ones."""
        end = self._size if size is None or size < 0 else min(self._size, self._place + size)
        if end <= self._place:
            return b""
        held_end = self._start + len(self._held)
        if not (self._start <= self._place and end <= held_end):
            self._fetch(end)
        piece = self._held[self._place - self._start : end - self._start]
        self._place += len(piece)
        return piece

    def _fetch(self, end: int) -> None:
        # A request costs more than some kilobytes: read the tail at once, and read ahead elsewhere.
        start = min(self._place, max(0, self._size - _TAIL_BYTES))
        if end <= self._size - _TAIL_BYTES:
            start, end = self._place, max(end, self._place + _TAIL_BYTES // 4)
        else:
            end = self._size
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        response = self._client.open(self._url, headers)
        if response.status != 206 or not _begins_at(start, response):
            # Any status: servers refuse ranges with all kinds.
            put_aside(response)
            raise RangesRefused
        try:
            response.hold_to(DOCUMENT)
            self._held = response.read(end - start)
        except OSError as error:
            response.close()
            raise Unavailable(public_url(self._url), error_text(error)) from error
        response.release_conn()
        self._start = start
        self.fetched_bytes += len(self._held)
        self._client.throttle(len(self._held))
        if len(self._held) != end - start:
            raise Unavailable(
                public_url(self._url), "the server sent a shorter range than requested"
            )


def _begins_at(start: int, response: Response) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
