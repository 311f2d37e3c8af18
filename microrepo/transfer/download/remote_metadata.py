"""Reader of a distribution's metadata, by the cheapest reliable way.

The metadata file beside the distribution (PEP 658); or, for a wheel, the few kilobytes at its end,
by range requests; or the whole file, which is kept in case it is chosen. Nothing is built or
executed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from microrepo.client import Client
from microrepo.errors import (
    DigestMismatch,
    MicrorepoError,
    Unavailable,
)
from microrepo.formats.bounds import METADATA
from microrepo.formats.distribution.archives import read_sdist_parts
from microrepo.formats.distribution.core_metadata import CoreMetadata, from_metadata
from microrepo.formats.distribution.sdist_metadata import from_sdist
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
from microrepo.repositories.sources.directory_source import local_path
from microrepo.transfer.download.file_download import fetch_aside
from microrepo.transfer.download.partial_file import ByteCounter, Place
from microrepo.transfer.download.remote_file import RangesRefused, RemoteFile
from microrepo.transfer.download.side_document import read_side_document
from microrepo.transfer.tasks import FetchFile, FetchMetadata, MetadataOutcome

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CoreMetadata).decode


def pack_metadata(metadata: CoreMetadata) -> bytes:
    """Return metadata in packed form, without the long description."""
    return _encode(msgspec.structs.replace(metadata, description=None))


def unpack_metadata(packed: bytes) -> CoreMetadata:
    """Return metadata from its packed form."""
    return _decode(packed)


def find_metadata(
    client: Client, task: FetchMetadata, place: Place, attempts: int
) -> MetadataOutcome:
    """Return the metadata of one distribution; return failures as an outcome with `error`."""
    counter = ByteCounter()
    try:
        metadata = _find(client, task, place, attempts, counter)
    except MicrorepoError as error:
        why, transient = error.why(task.filename), isinstance(error, Unavailable)
        return MetadataOutcome(
            task.filename, error=why, transient=transient, fetched_bytes=counter.total
        )
    except (OSError, ValueError) as error:
        return MetadataOutcome(task.filename, error=str(error), fetched_bytes=counter.total)
    return MetadataOutcome(task.filename, pack_metadata(metadata), fetched_bytes=counter.total)


def _find(
    client: Client, task: FetchMetadata, place: Place, attempts: int, counter: ByteCounter
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
    """Download the metadata file beside the distribution; None if it does not exist."""
    url = f"{task.url}.metadata"
    body = read_side_document(client, url, {"Accept-Encoding": "identity"}, METADATA)
    if body is None:
        return None
    if task.metadata_sha256:
        found = hashlib.sha256(body).hexdigest()
        if found != task.metadata_sha256:
            raise DigestMismatch(f"{task.filename}.metadata", "sha256", task.metadata_sha256, found)
    return body


def _whole_file(
    client: Client, task: FetchMetadata, place: Place, attempts: int, counter: ByteCounter
) -> Path:
    fetch = FetchFile(task.filename, task.url, task.digests, task.size)
    return fetch_aside(client, fetch, place, attempts, counter)
