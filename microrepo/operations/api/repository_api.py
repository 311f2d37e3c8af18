"""Class `Repository` of the library: distributions and uploads.

`docs/how-to/library.md` has examples; all names can be imported from `microrepo`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from microrepo.client import Client
from microrepo.clock import now
from microrepo.config.load import load
from microrepo.config.schema import Config
from microrepo.errors import ProjectNotFound
from microrepo.formats.requirements.requirement import parse_requirement
from microrepo.formats.version_numbers import version_order
from microrepo.operations.api.copy_api import everything
from microrepo.operations.api.distributions import Distribution, RemoteDistribution
from microrepo.operations.api.uploads import UploadEndpoint, UploadResult
from microrepo.operations.copy.endpoints import (
    EndpointText,
    open_destination_endpoint,
    open_source_endpoint,
    plain_client_settings,
    surroundings,
)
from microrepo.repositories.protocol import Source
from microrepo.repositories.sources.source_registry import open_source
from microrepo.selection.rules.decisions import select
from microrepo.selection.rules.policy import build_policy


class Repository:
    """A repository of distributions: PyPI, an index or a directory. Made by `Repository.open`."""

    def __init__(
        self, name: str, source: Source, client: Client, config: Config, end: EndpointText
    ) -> None:
        self.name = name
        self._source = source
        self._client = client
        self._config = config
        self._uploads = UploadEndpoint(config, end)

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
            auth: user and password; None looks them up in the usual places.
            index: URL of the index's list of files, if it does not follow from `where`.
            config: network settings.

        Raises:
            ConfigError: `where` is not a repository.
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
            SourceError: the list cannot be read.
        """
        return list(self._source.list_projects().projects)

    def releases(self, project: str) -> list[str]:
        """Return the versions of a project in the order of PEP 440; unreadable ones first.

        Raises:
            ProjectNotFound: the project does not exist.
            SourceError: the project cannot be read.
        """
        found = self._source.fetch_project(project).project
        versions = {file.version for file in found.files} if found is not None else set()
        return sorted(versions, key=version_order)

    def distributions(
        self, requirement: str, *, latest: bool = False, exclude: Iterable[str] = ()
    ) -> Iterator[RemoteDistribution]:
        """Yield the distributions that match a requirement, oldest release first.

        Args:
            requirement: such as ``celery>=3.0.15``. Pre-releases are included; with `latest`, only
                if the requirement names one.
            latest: only the newest release.
            exclude: names and requirements to skip.

        Raises:
            ConfigError: not a requirement.
            SourceError: the project cannot be read. An unknown project has no distributions.
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
        """Upload a distribution, unless the repository already has it.

        Raises:
            ConfigError: the repository does not accept uploads.
            AccessDenied: credentials are missing or refused.
            MalformedResponse: not a distribution.
            OSError: the file cannot be read.
        """
        return self._uploads.upload(_opened(distribution))

    def register(self, distribution: Distribution | str | Path) -> UploadResult:
        """Announce a release without its files, for servers that still support it (``submit``).

        PyPI and pypiserver ignore it; devpi and older servers accept it.

        Raises:
            ConfigError: the repository does not accept uploads.
            AccessDenied: credentials are refused.
            Unavailable: no answer.
            MalformedResponse: not a distribution.
            OSError: the file cannot be read.
        """
        return self._uploads.register(_opened(distribution))

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
        self._uploads.close()

    def __enter__(self) -> Repository:  # noqa: PYI034 - typing has no Self in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _listing_of(config: Config, end: EndpointText) -> str:
    """Return the URL of the list of files, from the upload URL or from the server."""
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


def _opened(distribution: Distribution | str | Path) -> Distribution:
    return distribution if isinstance(distribution, Distribution) else Distribution(distribution)
