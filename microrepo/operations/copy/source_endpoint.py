"""Source endpoint of a copy: one repository, or several of which each project has its own."""

from __future__ import annotations

import threading

import msgspec
from packaging.utils import canonicalize_name

from microrepo.client import Client, ClientSettings
from microrepo.errors import ProjectNotFound, Unavailable
from microrepo.model import File, NormalizedName, Project
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.operations.run.project_sources import Sources, expect_projects
from microrepo.repositories.protocol import Source
from microrepo.repositories.sources.directory_source import DirectorySource
from microrepo.repositories.sources.source_registry import open_source
from microrepo.selection.reservations import ProjectOrigin
from microrepo.transfer.documents.merged_records import merge_records
from microrepo.transfer.tasks import FetchProject


class SourceEndpoint:
    """Reads the sources in this process; thread-safe."""

    def __init__(self, endpoints: Endpoints, client_settings: ClientSettings) -> None:
        self._all = endpoints.sources
        self._client_settings = client_settings
        self._lock = threading.Lock()
        self._owners = Sources(self._all, lambda: Client(client_settings))
        self._client: Client | None = None
        self._source: Source | None = None

    @property
    def is_local(self) -> bool:
        """Whether the source is a local directory."""
        return self._all[0].kind == "directory" and not self._all[1:]

    @property
    def tells_no_status(self) -> bool:
        """Whether the source's records are documents, which lack the status of projects."""
        return any(one.kind == "json" for one in self._all)

    def origin(self, project: NormalizedName) -> ProjectOrigin:
        """Return the sources that a project may come from.

        Raises:
            Unavailable: a source with higher priority that may have it does not respond, or its name
                is reserved.
        """
        with self._lock:
            owner = self._owners.owner(project)
        if owner.unknown is not None and not owner.candidates:
            first = self._owners.name(owner.unknown)
            raise Unavailable(first, f"may have {project}: {self._owners.problem(owner.unknown)}")
        if not owner.candidates:
            refused = " and ".join(map(self._owners.name, owner.refused))
            raise Unavailable(refused, f"must not provide {project}, by `reserved_names`")
        return owner

    def request(self, project: NormalizedName) -> FetchProject:
        """Return the task that reads a project's record.

        Raises:
            Unavailable: as for `origin`.
        """
        origin = self.origin(project)
        why = "" if origin.unknown is None else self._owners.doubt(origin.unknown)
        return FetchProject(
            project, sources=origin.candidates, is_merged=origin.is_merged, elsewhere=why
        )

    def project_names(self) -> list[NormalizedName]:
        """Return the projects of all sources.

        Raises:
            SourceError: a list cannot be read.
        """
        if not self._all[1:]:
            root = self.first().list_projects()
            expect_projects(self._all[0], root)
            return sorted({canonicalize_name(name) for name in root.projects})
        with self._lock:
            merged = self._owners.merged()
        if merged.unknown is not None:
            first = self._owners.name(merged.unknown)
            raise Unavailable(first, self._owners.problem(merged.unknown))
        return sorted({canonicalize_name(name) for name in merged.listed})

    def first(self) -> Source:
        """Return the first source, opened in this process."""
        with self._lock:
            if self._source is None:
                self._client = Client(self._client_settings)
                self._source = open_source(self._client, self._all[0])
            return self._source

    def status_of(self, project: str) -> tuple[str, str | None]:
        """Return a project's status and its reason (PEP 792), which JSON documents lack.

        A source with documents only has no status.

        Raises:
            SourceError: the project's page cannot be read.
        """
        client = Client(self._client_settings)
        try:
            origin = self.origin(canonicalize_name(project))
            numbers = origin.candidates if origin.is_merged else origin.candidates[:1]
            pages = [self._page(client, number, project) for number in numbers or (0,)]
        finally:
            client.close()
        found = [("", page) for page in pages if page is not None]
        if not found:
            return "active", None
        merged = merge_records(found)
        return merged.status, merged.status_reason

    def _page(self, client: Client, number: int, project: str) -> Project | None:
        settings = msgspec.structs.replace(self._all[number], kind="simple")
        try:
            return open_source(client, settings).fetch_project(project).project
        except ProjectNotFound:
            return None

    def is_unread(self, file: File) -> bool:
        """Return whether a file of the source must be read before it is linked."""
        source = self.first()
        return isinstance(source, DirectorySource) and source.is_unread(file.filename)

    def close(self) -> None:
        """Close the source; the next use opens and reads it again."""
        with self._lock:
            client, self._client, self._source = self._client, None, None
        if client is not None:
            client.close()
