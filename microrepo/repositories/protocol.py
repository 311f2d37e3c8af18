"""Protocol of sources."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

from msgspec import Struct

from microrepo.formats.index.simple_api import Root
from microrepo.model import Project, PutStatus


class SourceSettings(Struct, frozen=True):
    """Settings of a source, made once and sent to the workers.

    Attributes:
        kind: ``json`` for PyPI's JSON API, ``simple`` for the Simple API only, ``directory``.
        simple_root: URL of the Simple API's root, ending in a slash; of a directory, its path.
        json_root: URL of the JSON API's root, without a final slash; "" for none.
        name: name in messages and the state.
        packages: names and patterns of projects that come only from this source.
        merged: names and patterns of projects whose files are merged from all sources that name
            them.
        refused: names and patterns of projects that must not come from this source.
        by_page: among several sources, request a project's page instead of the list.
        alone: refuse redirects to other servers. Some indexes redirect to PyPI for projects that
            they lack.
        is_pypi: PyPI itself, whose servers are many and near.
        asks_status: request the status of projects whose document changed from the Simple API,
            since the JSON API lacks it.
        asks_provenance: request the page of projects whose document changed, since only that says
            which files are attested.
    """

    kind: str
    simple_root: str
    json_root: str = ""
    name: str = ""
    packages: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    by_page: bool = False
    alone: bool = False
    asks_status: bool = False
    asks_provenance: bool = False
    is_pypi: bool = False


_MERGED = " + "


def name_of_merged(names: Iterable[str]) -> str:
    """Return the name in messages and the state for a project that several sources share."""
    return _MERGED.join(names)


def is_merged(source: str) -> bool:
    """Return whether a source in the state is that of a project that several sources share."""
    return _MERGED in source


class Fetched(Struct, frozen=True):
    """A project's record from a source.

    Attributes:
        project: None for "not modified".
        etag: validator for the next conditional request: an ETag, or a time after ``modified:``.
        page_time: time of the response, normalised, if the source gives it.
        lacks_status: the project's status could not be read; it should be requested again.
    """

    project: Project | None
    etag: str | None = None
    page_time: str | None = None
    lacks_status: bool = False


class Source(Protocol):
    """A repository to read from."""

    def list_projects(self, validator: str | None = None) -> Root:
        """Return all projects with their serials, or "not modified" if `validator` is still valid.

        Raises:
            NoProjectList: the source has no list.
            SourceError: the list cannot be read.
        """
        ...

    def fetch_project(
        self,
        name: str,
        etag: str | None = None,
        min_serial: int | None = None,
        known_serial: int | None = None,
    ) -> Fetched:
        """Return a project's record, or "not modified" if `etag` is still valid.

        The status is not requested if the document's serial is `known_serial`.

        Raises:
            ProjectNotFound: the project does not exist.
            StalePage: the page is older than `min_serial`.
            SourceError: any other failure.
        """
        ...


class DestinationSettings(Struct, frozen=True):
    """Settings of a destination.

    Attributes:
        kind: ``upload`` for an index with an upload form, ``directory``.
        url: URL of the upload form, or path of the directory.
        simple_root: URL of the index's list of projects, ending in a slash.
        auth: user and password for the index.
        name: name in messages, without secrets.
        replace: overwrite files of the same name that differ.
    """

    kind: Literal["upload", "directory"]
    url: str
    simple_root: str = ""
    auth: tuple[str, str] | None = None
    name: str = ""
    replace: bool = False


class PutResult(Struct, frozen=True):
    """Result of putting one distribution.

    Attributes:
        status: ``uploaded``; ``present``, the destination had the same file; ``conflict``, it has
            different content under this name; ``refused`` by the server; ``denied``, credentials
            are missing or wrong; ``failed``, a retry may succeed.
        words: message of the server, or the error.
    """

    status: PutStatus
    words: str = ""

    @property
    def ok(self) -> bool:
        """Whether the destination has the distribution now."""
        return self.status in {"uploaded", "present"}
