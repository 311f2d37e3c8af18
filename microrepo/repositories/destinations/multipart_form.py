"""Multipart form with at most one file as a request body (RFC 7578), generated while sending."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

_PIECE_BYTES = 1 << 18
# A small body is sent as one piece: fewer packets, and no wait for an acknowledgement.
_WHOLE_BYTES = 1 << 20


class MultipartForm:
    """Fields and a file.

    Args:
        fields: names and values, in their order.
        filename: its name in the form.
        progress: receives byte counts of the file as they are sent.
    """

    def __init__(
        self,
        fields: Sequence[tuple[str, str]],
        path: Path | None = None,
        filename: str = "",
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._head = b"".join(_field(boundary, name, value) for name, value in fields)
        self._tail = f"--{boundary}--\r\n".encode()
        self._path = path
        self._progress = progress
        size = 0
        if path is not None:
            self._head += _file_head(boundary, filename)
            self._tail = b"\r\n" + self._tail
            size = path.stat().st_size
        self.size_bytes = len(self._head) + size + len(self._tail)

    def body(self) -> bytes | Iterator[bytes]:
        """Return a small form, or an iterator over the pieces of a large one.

        Raises:
            OSError: the file cannot be read (while iterating, for a large one).
        """
        if self.size_bytes <= _WHOLE_BYTES:
            return b"".join(self._pieces())
        return self._pieces()

    def _pieces(self) -> Iterator[bytes]:
        yield self._head
        if self._path is not None:
            with self._path.open("rb", buffering=0) as stream:
                while piece := stream.read(_PIECE_BYTES):
                    yield piece
                    self._progress(len(piece))
        yield self._tail


def _field(boundary: str, name: str, value: str) -> bytes:
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n'
    return f"{head}{value}\r\n".encode("utf-8", errors="surrogateescape")


def _file_head(boundary: str, filename: str) -> bytes:
    return (
        f"--{boundary}\r\nContent-Disposition: form-data; "
        f'name="content"; filename="{_quoted(filename)}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
