"""Stream of a volume: read forward once, with the place of each error.

Volumes come from files, pipes and drives, so nothing seeks to read. Where seeking is possible, it
serves to read a damaged member a second time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import IO

from microrepo.standalone.importer.bundle_header import BundleError

_CHUNK_BYTES = 1 << 20


class VolumeDamage(BundleError):
    """A volume cannot be read here: cut off, an error of the medium, or wrong content.

    Another copy of the volume can be good.
    """


class VolumeStream:
    """The bytes of one or more volumes.

    Args:
        stream: binary, unbuffered or buffered.
        name: for messages.

    Attributes:
        offset: number of bytes read so far.
    """

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self.name = name
        self.offset = 0

    def at_end(self) -> bool:
        """Return whether no byte is left; only valid where a volume may begin."""
        return not self._peeked(1)

    def read(self, size_bytes: int, what: str) -> bytes:
        """Return exactly the next bytes.

        Raises:
            VolumeDamage: they cannot be read, or the stream ends.
        """
        return b"".join(self.chunks(size_bytes, what))

    def chunks(self, size_bytes: int, what: str) -> Iterator[bytes]:
        """Yield the next bytes in chunks.

        Raises:
            VolumeDamage: they cannot be read, or the stream ends.
        """
        left = size_bytes
        while left:
            chunk = self._some(min(left, _CHUNK_BYTES), what)
            if not chunk:
                raise self.damage(f"ends inside {what}")
            left -= len(chunk)
            yield chunk

    def skip(self, size_bytes: int, what: str) -> None:
        """Pass over the next bytes, by seeking if that is possible."""
        if self._pending or not self._seek(self.offset + size_bytes - 1):
            for _ in self.chunks(size_bytes, what):
                pass
            return
        # The last byte is read, so that an early end is noticed.
        self.offset += size_bytes - 1
        self.read(1, what)

    def digest_again(self, start: int, size_bytes: int, what: str) -> str:
        """Return the SHA-256 of bytes read before, from the medium again; "" if that is impossible.

        The stream then continues at its place.
        """
        place = self.offset
        if not self._seek(start):
            return ""
        hasher = hashlib.sha256()
        try:
            for chunk in self.chunks(size_bytes, what):
                hasher.update(chunk)
        except VolumeDamage:
            return "unreadable"
        finally:
            self.offset = place
            self._seek(place)
        return hasher.hexdigest()

    def error(self, text: str) -> BundleError:
        """Return the error that the bundle is malformed here."""
        return BundleError(f"{self.name}: byte {self.offset:,}: {text}")

    def damage(self, text: str) -> VolumeDamage:
        """Return the error that the volume cannot be read here."""
        return VolumeDamage(f"{self.name}: byte {self.offset:,}: {text}")

    _pending = b""

    def _peeked(self, size_bytes: int) -> bytes:
        if not self._pending:
            self._pending = self._read_some(size_bytes, "the next volume")
        return self._pending

    def _some(self, size_bytes: int, what: str) -> bytes:
        if self._pending:
            chunk, self._pending = self._pending[:size_bytes], self._pending[size_bytes:]
        else:
            chunk = self._read_some(size_bytes, what)
        self.offset += len(chunk)
        return chunk

    def _read_some(self, size_bytes: int, what: str) -> bytes:
        try:
            return self._stream.read(size_bytes) or b""
        except OSError as error:
            text = error.strerror or str(error)
            raise self.damage(f"{what} cannot be read: {text}") from None

    def _seek(self, offset: int) -> bool:
        try:
            return self._stream.seekable() and self._stream.seek(offset) == offset
        except (OSError, ValueError):
            return False
