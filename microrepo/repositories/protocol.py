"""Protocol of sources."""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct

from microrepo.formats.index.simple_api import Root
from microrepo.model import Project, PutStatus


class SourceSettings(Struct, frozen=True):
    """Which source to read, decided once by `opening.describe_source`; travels to the workers.

    Attributes:
        kind: ``json`` for PyPI's JSON API, ``simple`` for only the Simple API, ``directory``.
        simple_root: URL of the Simple API's root, ending in a slash; of a directory, its path.
        json_root: URL of the JSON API's root, without a slash at its end; "" for none.
        name: how messages and the state call the source.
        packages: names and patterns of projects that come from it or not at all.
        by_page: among several sources, it is asked for a project instead of for its list.
        alone: what another server says is not taken for its own. Some indexes send those who ask
            for what they lack to PyPI.
        asks_status: the Simple API is asked for what the JSON API does not tell: the status of
            projects whose document changed.
    """

    kind: str
    simple_root: str
    json_root: str = ""
    name: str = ""
    packages: tuple[str, ...] = ()
    by_page: bool = False
    alone: bool = False
    asks_status: bool = False


class Fetched(Struct, frozen=True):
    """A project's record as a source gave it.

    Attributes:
        project: None when the source answered "not modified".
        etag: validator for the next conditional request: an ETag, or a time after ``modified:``.
        page_time: when the answer was made, normalised, where the source says that.
    """

    project: Project | None
    etag: str | None = None
    page_time: str | None = None


class Source(Protocol):
    """A repository to read from."""

    def list_projects(self) -> Root:
        """Return all projects with their serials.

        Raises:
            NoProjectList: there is none.
            SourceError: the list cannot be had.
        """
        ...

    def fetch_project(
        self,
        name: str,
        etag: str | None = None,
        min_serial: int | None = None,
        known_serial: int | None = None,
    ) -> Fetched:
        """Return a project's record, or "not modified" when `etag` still holds.

        What has to be asked for beside a document (its status) is not when the document's serial
        is `known_serial`.

        Raises:
            ProjectNotFound: no such project.
            StalePage: the page is older than `min_serial`.
            SourceError: anything else that keeps the record away.
        """
        ...


class DestinationSettings(Struct, frozen=True):
    """Where to put distributions, decided once by `opening.describe_destination`.

    Attributes:
        kind: ``upload`` for an index with an upload form, ``directory``.
        url: of the upload form; of a directory, its path.
        simple_root: URL under which the index lists what it has, ending in a slash.
        auth: user and password for the index.
        name: how messages call it; without secrets.
        replace: send over other content of the same name.
    """

    kind: Literal["upload", "directory"]
    url: str
    simple_root: str = ""
    auth: tuple[str, str] | None = None
    name: str = ""
    replace: bool = False


class PutResult(Struct, frozen=True):
    """What became of one distribution at a destination.

    Attributes:
        status: ``uploaded``; ``present``, the very same was there already; ``conflict``, other
            content stands under its name; ``refused`` by the server; ``denied``, credentials are
            missing or wrong; ``failed``, another attempt may do better.
        words: the server's, or what went wrong.
    """

    status: PutStatus
    words: str = ""

    @property
    def ok(self) -> bool:
        """The destination has the distribution now."""
        return self.status in {"uploaded", "present"}
