"""Distribution objects of the library: local files and entries of a repository."""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from microrepo.client import Client
from microrepo.errors import MalformedResponse, TransferError
from microrepo.formats.distribution.archives import SdistParts
from microrepo.formats.distribution.core_metadata import CoreMetadata, from_metadata
from microrepo.formats.distribution.filenames import split_release
from microrepo.formats.distribution.header_fields import metadata_fields as read_fields
from microrepo.formats.distribution.sdist_metadata import from_sdist
from microrepo.formats.index.upload_form import UNKNOWN, form_fields
from microrepo.formats.times import to_ns
from microrepo.model import Digests, File
from microrepo.repositories.distribution_content import read_metadata
from microrepo.stores.hashing import hash_file
from microrepo.transfer.download.file_download import fetch_file
from microrepo.transfer.download.partial_file import Place
from microrepo.transfer.download.remote_metadata import find_metadata, unpack_metadata
from microrepo.transfer.tasks import FetchFile, metadata_of


class Metadata(Struct, frozen=True):
    """Core metadata of a distribution; missing fields are ``UNKNOWN`` or empty."""

    name: str
    version: str
    summary: str = UNKNOWN
    description: str = UNKNOWN
    author: str = UNKNOWN
    author_email: str = UNKNOWN
    maintainer: str = UNKNOWN
    license: str = UNKNOWN
    home_page: str = UNKNOWN
    keywords: str = UNKNOWN
    requires_python: str = ""
    classifiers: tuple[str, ...] = ()
    requires_dist: tuple[str, ...] = ()
    metadata_version: str = ""


class Distribution:
    """A local distribution file: wheel, source distribution of any kind, or egg.

    Args:
        path: the file.

    Raises:
        MalformedResponse: the file name is not a distribution's.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if split_release(self.path.name) is None:
            raise MalformedResponse(self.path.name, "not the name of a distribution")

    def __repr__(self) -> str:
        return f"Distribution({str(self.path)!r})"

    @property
    def filename(self) -> str:
        """File name."""
        return self.path.name

    @cached_property
    def digests(self) -> Digests:
        """SHA-256, BLAKE2b-256 and MD5 of the content, hex."""
        return hash_file(self.path)

    @cached_property
    def metadata(self) -> Metadata:
        """Core metadata; without any, the name and version come from the file name.

        Raises:
            MalformedResponse: the archive cannot be read.
            OSError: the file cannot be read.
        """
        body = read_metadata(self.path, self.filename)
        fields = dict(form_fields(self.filename, body, Digests()))
        headers, _ = read_fields(body) if body is not None else ({}, "")
        about = {
            name: fields[name]
            for name in Metadata.__struct_fields__
            if name in fields and name not in {"classifiers", "requires_dist"}
        }
        return Metadata(
            **about,
            classifiers=tuple(headers.get("classifier", ())),
            requires_dist=tuple(headers.get("requires-dist", ())),
        )


class RemoteDistribution:
    """A distribution that a repository lists.

    Attributes:
        project: normalised name.
        version, filename, size, digests, requires_python, yanked, url: as listed.
    """

    def __init__(self, project: str, file: File, client: Client) -> None:
        self.project = project
        self.version = file.version
        self.filename = file.filename
        self.size = file.size
        self.digests = file.digests
        self.requires_python = file.requires_python
        self.yanked = file.yanked
        self.url = file.url
        self._file = file
        self._client = client

    def __repr__(self) -> str:
        return f"RemoteDistribution({self.filename!r})"

    def metadata(self) -> CoreMetadata:
        """Return the core metadata, transferring as few bytes as the server allows.

        Raises:
            MalformedResponse: it has no readable metadata.
        """
        file = self._file
        task = metadata_of(file)
        with tempfile.TemporaryDirectory() as scratch:
            if file.url.startswith("file:"):
                return _read_local(self.download(scratch))
            outcome = find_metadata(self._client, task, Place(scratch, scratch), attempts=5)
        if outcome.metadata is None:
            raise MalformedResponse(file.filename, outcome.error)
        return unpack_metadata(outcome.metadata)

    def download(self, directory: str | Path) -> Distribution:
        """Download into a directory, verify, and return the file; resume a partial download.

        Raises:
            TransferError: the file could not be downloaded completely.
        """
        place = Path(directory)
        partial = place / ".microrepo-partial"
        partial.mkdir(parents=True, exist_ok=True)
        file = self._file
        when = to_ns(file.upload_time)
        task = FetchFile(file.filename, file.url, file.digests, file.size, when)
        where = Place(str(place), str(partial))
        outcome = fetch_file(self._client, task, where, 5, lambda _: None)
        if not outcome.ok:
            raise TransferError(file.filename, outcome.error)
        if not any(partial.iterdir()):
            partial.rmdir()
        return Distribution(place / file.filename)


def _read_local(distribution: Distribution) -> CoreMetadata:
    body = read_metadata(distribution.path, distribution.filename)
    if body is None:
        raise MalformedResponse(distribution.filename, "has no metadata")
    if distribution.filename.endswith((".whl", ".egg")):
        return from_metadata(body)
    return from_sdist(SdistParts(body))
