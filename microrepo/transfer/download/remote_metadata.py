"""The metadata of a distribution, by the cheapest way that is certain.

A file of its own beside the distribution (PEP 658); else, of a wheel, the few kilobytes at its end
that hold it, by range requests; else the whole file, which then waits aside in case it is chosen.
Nothing is ever built or executed.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import BinaryIO, cast

import msgspec
from urllib3.exceptions import HTTPError

from microrepo.client import Client
from microrepo.errors import DigestMismatch, MalformedResponse, MicrorepoError, Unavailable
from microrepo.formats.distribution.archives import read_sdist_parts
from microrepo.formats.distribution.core_metadata import CoreMetadata, from_metadata, from_sdist
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
from microrepo.repositories.sources.directory_source import local_path
from microrepo.transfer.download.file_download import Place, fetch_aside
from microrepo.transfer.tasks import FetchFile, FetchMetadata, MetadataOutcome

_MAX_METADATA_BYTES = 16 << 20
_TAIL_BYTES = 64 << 10
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CoreMetadata).decode


def pack_metadata(metadata: CoreMetadata) -> bytes:
    """Return the form in which metadata travels and is kept; the long description stays behind."""
    return _encode(msgspec.structs.replace(metadata, description=None))


def unpack_metadata(packed: bytes) -> CoreMetadata:
    """Return what `pack_metadata` was given."""
    return _decode(packed)


def find_metadata(
    client: Client, task: FetchMetadata, place: Place, attempts: int
) -> MetadataOutcome:
    """Return the metadata of one distribution; failures come back as an outcome with `error`."""
    counter = _Counter()
    try:
        metadata = _find(client, task, place, attempts, counter)
    except Unavailable as error:
        return MetadataOutcome(
            task.filename, error=str(error), transient=True, fetched_bytes=counter.total
        )
    except (MicrorepoError, OSError, ValueError) as error:
        return MetadataOutcome(task.filename, error=str(error), fetched_bytes=counter.total)
    return MetadataOutcome(task.filename, pack_metadata(metadata), fetched_bytes=counter.total)


class _Counter:
    def __init__(self) -> None:
        self.total = 0

    def __call__(self, count_bytes: int) -> None:
        self.total += count_bytes


def _find(
    client: Client, task: FetchMetadata, place: Place, attempts: int, counter: _Counter
) -> CoreMetadata:
    here = Path(place.directory) / task.filename if task.here else local_path(task.url)
    if here is not None:
        with here.open("rb") as stream:
            return read_distribution(stream, task.filename)
    if task.has_metadata:
        body = _metadata_file(client, task)
        if body is not None:
            counter(len(body))
            return from_metadata(body)
    if task.filename.endswith(".whl") and task.size:
        remote = RemoteFile(client, task.url, task.size)
        try:
            return from_metadata(
                read_wheel_metadata(cast("BinaryIO", remote), task.filename, task.size)
            )
        except RangesRefused:
            pass
        finally:
            counter(remote.fetched_bytes)
    path = _whole_file(client, task, place, attempts, counter)
    with path.open("rb") as stream:
        return read_distribution(stream, task.filename)


def read_distribution(stream: BinaryIO, filename: str) -> CoreMetadata:
    """Read the metadata of a wheel or a source distribution from its own bytes.

    Raises:
        MalformedResponse: the archive or its metadata cannot be read.
    """
    if filename.endswith(".whl"):
        return from_metadata(read_wheel_metadata(stream, filename))
    return from_sdist(read_sdist_parts(stream, filename), filename)


def _metadata_file(client: Client, task: FetchMetadata) -> bytes | None:
    """Fetch the file beside the distribution; None when it is not there after all."""
    url = f"{task.url}.metadata"
    response = client.open(url, {"Accept-Encoding": "identity"})
    try:
        if response.status in {404, 410}:
            response.drain_conn()
            return None
        if response.status != 200:
            raise Unavailable(url, f"answers HTTP {response.status}")
        body = response.read(_MAX_METADATA_BYTES + 1)
    except (HTTPError, OSError) as error:
        response.close()
        raise Unavailable(url, str(error)) from error
    response.release_conn()
    client.throttle(len(body))
    if len(body) > _MAX_METADATA_BYTES:
        raise MalformedResponse(url, "is larger than any metadata should be")
    if task.metadata_sha256:
        found = hashlib.sha256(body).hexdigest()
        if found != task.metadata_sha256:
            raise DigestMismatch(f"{task.filename}.metadata", "sha256", task.metadata_sha256, found)
    return body


def _whole_file(
    client: Client, task: FetchMetadata, place: Place, attempts: int, counter: _Counter
) -> Path:
    fetch = FetchFile(task.filename, task.url, task.digests, task.size)
    return fetch_aside(client, fetch, place, attempts, counter)


class RangesRefused(Exception):
    """The server sends whole files only."""


class RemoteFile(io.RawIOBase):
    """A file behind a URL, read by ranges: what zipfile needs of a wheel lies near its end.

    Args:
        client: makes the requests.
        url: of the file.
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
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read from anywhere."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place, without any request."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Return bytes from the place on, fetching what is not held yet."""
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
        # A request costs more than some kilobytes: take the tail at once, and read ahead elsewhere.
        start = min(self._place, max(0, self._size - _TAIL_BYTES))
        if end <= self._size - _TAIL_BYTES:
            start, end = self._place, max(end, self._place + _TAIL_BYTES // 4)
        else:
            end = self._size
        headers = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        response = self._client.open(self._url, headers)
        try:
            if response.status != 206:
                response.close()
                if response.status == 200:
                    raise RangesRefused
                raise Unavailable(self._url, f"answers HTTP {response.status}")
            self._held = response.read(end - start)
        except (HTTPError, OSError) as error:
            response.close()
            raise Unavailable(self._url, str(error)) from error
        response.release_conn()
        self._start = start
        self.fetched_bytes += len(self._held)
        self._client.throttle(len(self._held))
        if len(self._held) != end - start:
            raise Unavailable(self._url, "a range came back shorter than asked for")
