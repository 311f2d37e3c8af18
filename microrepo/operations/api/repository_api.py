"""The library: a repository as an object, its distributions, and uploads, for programs of others.

`docs/how-to/library.md` shows it at work; everything here can be had from `microrepo` itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from microrepo.client import Client, ClientSettings
from microrepo.clock import now
from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.errors import ConfigError, ProjectNotFound
from microrepo.formats.distribution.filenames import split_release
from microrepo.formats.index.upload_form import form_fields
from microrepo.formats.requirements.requirement import parse_requirement
from microrepo.formats.versions import version_order
from microrepo.model import Digests
from microrepo.operations.api.copy_api import everything
from microrepo.operations.api.distributions import Distribution, RemoteDistribution
from microrepo.operations.copy.endpoints import (
    EndpointText,
    open_destination_endpoint,
    open_source_endpoint,
    plain_client_settings,
    surroundings,
)
from microrepo.plan import same_content
from microrepo.repositories.destinations.destination_registry import directory_of
from microrepo.repositories.destinations.multipart_form import MultipartForm
from microrepo.repositories.destinations.upload_index import UploadDestination
from microrepo.repositories.distribution_content import read_metadata
from microrepo.repositories.protocol import DestinationSettings, Source, SourceSettings
from microrepo.repositories.sources.source_registry import open_source
from microrepo.selection.rules.decisions import select
from microrepo.selection.rules.policy import build_policy
from microrepo.stores.hashing import hash_file
from microrepo.stores.placement import Sharing, place_file
from microrepo.transfer.upload.file_upload import destination_client


class UploadResult(Struct, frozen=True):
    """What became of an upload.

    Attributes:
        status: ``uploaded``; ``present``, the very same was there already; ``refused``.
        message: the server's words where it refused.
    """

    status: Literal["uploaded", "present", "refused"]
    message: str = ""


class Repository:
    """Any repository of distributions: PyPI, an index, a directory. Made by `Repository.open`."""

    def __init__(
        self, name: str, source: Source, client: Client, config: Config, end: EndpointText
    ) -> None:
        self.name = name
        self._source = source
        self._client = client
        self._config = config
        self._end = end
        self._destination: DestinationSettings | None = None
        self._uploads: Client | None = None

    def __repr__(self) -> str:
        return f"Repository({self.name!r})"

    @classmethod
    def open(
        cls,
        where: str | Path,
        auth: tuple[str, str] | None = None,
        *,
        index: str | None = None,
        config: Config | None = None,
    ) -> Repository:
        """Open a repository.

        Args:
            where: ``pypi``, the URL of an index (or of its upload form), or a directory.
            auth: user and password; without, they are looked for where people keep them.
            index: URL under which an index lists what it has, where `where` does not tell.
            config: network settings.

        Raises:
            ConfigError: no repository can be meant.
            AccessDenied: credentials are refused.
        """
        settings = config or load(None, {}, {}).config
        text = str(where)
        around = surroundings(os.environ, "source", None)
        end = EndpointText(
            _listing_of(settings, EndpointText(text, index=index, auth=auth)), auth=auth
        )
        (source, *_), logins = open_source_endpoint(settings, end, around)
        client = Client(plain_client_settings(settings, source, logins))
        other_end = EndpointText(text, index=index, auth=auth)
        return cls(source.name, open_source(client, source), client, settings, other_end)

    def projects(self) -> list[str]:
        """Return the names of all projects, as displayed.

        Raises:
            SourceError: the list cannot be had.
        """
        return list(self._source.list_projects().projects)

    def releases(self, project: str) -> list[str]:
        """Return the versions of a project in the order of PEP 440; unreadable ones first.

        Raises:
            ProjectNotFound: there is no such project.
            SourceError: it cannot be had.
        """
        found = self._source.fetch_project(project).project
        versions = {file.version for file in found.files} if found is not None else set()
        return sorted(versions, key=version_order)

    def distributions(
        self, requirement: str, *, latest: bool = False, exclude: Iterable[str] = ()
    ) -> Iterator[RemoteDistribution]:
        """Yield the distributions that a requirement admits, oldest release first.

        Args:
            requirement: such as ``celery>=3.0.15``; pre-releases count among all releases, and
                with `latest` only where the requirement asks for one.
            latest: those of the newest release alone.
            exclude: names and requirements to leave out.

        Raises:
            ConfigError: not a requirement.
            SourceError: the project cannot be had. An unknown project has no distributions.
        """
        rules = everything(self._config, exclude, latest=latest)
        policy = build_policy(
            msgspec.structs.replace(rules, yanked=True), [parse_requirement(requirement)]
        )
        for name in policy.requested or ():
            try:
                project = self._source.fetch_project(name).project
            except ProjectNotFound:
                continue
            if project is None:
                continue
            kept = [one.file for one in select(project, policy, now()) if one.keep]
            for file in sorted(kept, key=lambda f: (version_order(f.version), f.filename)):
                yield RemoteDistribution(project.name, file, self._client)

    def upload(self, distribution: Distribution | str | Path) -> UploadResult:
        """Give the repository a distribution; what it has already is not sent.

        Raises:
            ConfigError: nothing can be put here.
            AccessDenied: credentials are refused, or missing, when the repository is looked at.
            MalformedResponse: not a distribution.
            OSError: the file cannot be read.
        """
        if not isinstance(distribution, Distribution):
            distribution = Distribution(distribution)
        directory = None if self._end.where == "pypi" else directory_of(self._end.where)
        if directory is not None:
            return _into_directory(distribution, directory)
        to = UploadDestination(self._upload_client(), self._described())
        release = split_release(distribution.filename)
        project = release[0] if release else distribution.metadata.name
        there = to.catalogue(project).get(distribution.filename)
        if there is not None and same_content(distribution.digests, there.digests) is not None:
            if same_content(distribution.digests, there.digests):
                return UploadResult("present")
            return UploadResult("refused", "other content stands under this name")
        result = to.put(distribution.path, distribution.filename, distribution.digests)
        if result.status in {"uploaded", "present"}:
            return UploadResult("uploaded" if result.status == "uploaded" else "present")
        return UploadResult("refused", result.words)

    def register(self, distribution: Distribution | str | Path) -> UploadResult:
        """Announce a release without its files, where a server still has that (``submit``).

        PyPI and pypiserver have no use for it; devpi and older servers take it.

        Raises:
            ConfigError: nothing can be put here.
            AccessDenied: credentials are refused when the repository is looked at.
            Unavailable: no answer.
            MalformedResponse: not a distribution.
            OSError: the file cannot be read.
        """
        if not isinstance(distribution, Distribution):
            distribution = Distribution(distribution)
        url = self._described().url
        body = read_metadata(distribution.path, distribution.filename)
        fields = form_fields(distribution.filename, body, Digests())
        fields = [(":action", "submit"), *(f for f in fields if f[0] not in _FILE_FIELDS)]
        form = MultipartForm(fields)
        headers = {"Content-Type": form.content_type, "Content-Length": str(form.size_bytes)}
        answer = self._upload_client().post(url, headers, form.body())
        if 200 <= answer.status < 300:
            return UploadResult("uploaded")
        return UploadResult("refused", f"HTTP {answer.status} {answer.reason}".strip())

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
        if self._uploads is not None:
            self._uploads.close()
            self._uploads = None

    def __enter__(self) -> Repository:  # noqa: PYI034 - typing has no Self in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _client_settings(self) -> ClientSettings:
        return plain_client_settings(self._config, SourceSettings("simple", self._end.where), {})

    def _described(self) -> DestinationSettings:
        if self._end.where == "pypi":
            raise ConfigError("name the URL of the upload form; there is no default destination")
        if self._destination is None:
            around = surroundings(os.environ, "destination", None)
            self._destination = open_destination_endpoint(self._config, self._end, around)
        return self._destination

    def _upload_client(self) -> Client:
        """Return the client for the destination, whose connections all uploads share."""
        if self._uploads is None:
            self._uploads = destination_client(self._client_settings(), self._described())
        return self._uploads


_FILE_FIELDS = frozenset({":action", "filetype", "pyversion", "sha256_digest", "blake2_256_digest"})


def _listing_of(config: Config, end: EndpointText) -> str:
    """Return where a repository lists what it has; a server is asked when its URL does not tell."""
    text = end.where
    if end.index is not None:
        return end.index
    if text == "pypi" or "://" not in text or text.startswith(("file:", "simple+")):
        return text
    if text.rstrip("/").endswith("simple"):
        return text
    return open_destination_endpoint(
        config, end, surroundings(os.environ, "source", None)
    ).simple_root


def _into_directory(distribution: Distribution, directory: Path) -> UploadResult:
    directory.mkdir(parents=True, exist_ok=True)
    name, digests = distribution.filename, distribution.digests
    try:
        place_file(distribution.path, directory, name, digests, Sharing(link=False))
    except FileExistsError:
        if hash_file(directory / name) == digests:
            return UploadResult("present")
        return UploadResult("refused", "other content stands under this name")
    return UploadResult("uploaded")
