"""Uploads of the library, to a directory or to the upload form of an index."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from msgspec import Struct

from microrepo.client import Client
from microrepo.config.schema import Config
from microrepo.errors import ConfigError
from microrepo.formats.distribution.filenames import split_release
from microrepo.formats.index.upload_form import form_fields
from microrepo.model import Digests
from microrepo.operations.api.distributions import Distribution
from microrepo.operations.copy.endpoints import (
    EndpointText,
    open_destination_endpoint,
    plain_client_settings,
    surroundings,
)
from microrepo.plan import same_content
from microrepo.repositories.destinations.destination_registry import directory_of
from microrepo.repositories.destinations.multipart_form import MultipartForm
from microrepo.repositories.destinations.upload_index import UploadDestination
from microrepo.repositories.distribution_content import read_metadata
from microrepo.repositories.protocol import DestinationSettings, SourceSettings
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.hashing import hash_file
from microrepo.stores.placement import Sharing, place_file
from microrepo.transfer.upload.file_upload import destination_client

_FILE_FIELDS = frozenset({":action", "filetype", "pyversion", "sha256_digest", "blake2_256_digest"})


class UploadResult(Struct, frozen=True):
    """Result of an upload.

    Attributes:
        status: ``uploaded``; ``present``, if the repository had the same file; ``refused``.
        message: the server's message if it refused.
    """

    status: Literal["uploaded", "present", "refused"]
    message: str = ""


_OTHER_CONTENT = UploadResult("refused", "a file of this name exists with other content")


class UploadEndpoint:
    """Destination of uploads, opened by the first upload.

    Args:
        config: network settings.
        end: the repository, as the caller named it.
    """

    def __init__(self, config: Config, end: EndpointText) -> None:
        self._config = config
        self._end = end
        self._destination: DestinationSettings | None = None
        self._client: Client | None = None

    def upload(self, distribution: Distribution) -> UploadResult:
        """Store a distribution; see `Repository.upload`."""
        directory = None if self._end.where == "pypi" else directory_of(self._end.where)
        if directory is not None:
            return _into_directory(distribution, directory)
        to = UploadDestination(self._open_client(), self._described())
        release = split_release(distribution.filename)
        project = release[0] if release else distribution.metadata.name
        there = to.catalogue(project).get(distribution.filename)
        same = None if there is None else same_content(distribution.digests, there.digests)
        if same is not None:
            return UploadResult("present") if same else _OTHER_CONTENT
        result = to.put(distribution.path, distribution.filename, distribution.digests)
        if result.status in {"uploaded", "present"}:
            return UploadResult("uploaded" if result.status == "uploaded" else "present")
        return UploadResult("refused", result.words)

    def register(self, distribution: Distribution) -> UploadResult:
        """Announce a release without its files; see `Repository.register`."""
        url = self._described().url
        body = read_metadata(distribution.path, distribution.filename)
        fields = form_fields(distribution.filename, body, Digests())
        fields = [(":action", "submit"), *(f for f in fields if f[0] not in _FILE_FIELDS)]
        form = MultipartForm(fields)
        headers = {"Content-Type": form.content_type, "Content-Length": str(form.size_bytes)}
        answer = self._open_client().post(url, headers, form.body())
        if 200 <= answer.status < 300:
            return UploadResult("uploaded")
        return UploadResult("refused", f"HTTP {answer.status} {answer.reason}".strip())

    def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _described(self) -> DestinationSettings:
        if self._end.where == "pypi":
            raise ConfigError("name the URL of the upload form; there is no default destination")
        if self._destination is None:
            around = surroundings(os.environ, "destination", None)
            self._destination = open_destination_endpoint(self._config, self._end, around)
        return self._destination

    def _open_client(self) -> Client:
        """Return the client whose connections all uploads share."""
        if self._client is None:
            source = SourceSettings("simple", self._end.where)
            settings = plain_client_settings(self._config, source, {})
            self._client = destination_client(settings, self._described())
        return self._client


def _into_directory(distribution: Distribution, directory: Path) -> UploadResult:
    directory.mkdir(parents=True, exist_ok=True)
    FlatDirectory(directory).refuse_begun_switch()
    name, digests = distribution.filename, distribution.digests
    try:
        place_file(distribution.path, directory, name, digests, Sharing(link=False))
    except FileExistsError:
        same = hash_file(directory / name) == digests
        return UploadResult("present") if same else _OTHER_CONTENT
    return UploadResult("uploaded")
