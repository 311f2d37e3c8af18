"""PyPI, or a server like it, as a source: the JSON API for projects, the Simple API for the list."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from packaging.utils import canonicalize_name

from microrepo.client import Client
from microrepo.errors import MicrorepoError, ProjectNotFound
from microrepo.formats.index.pypi_json import parse_document, parse_vulnerabilities
from microrepo.formats.index.simple_api import Root
from microrepo.model import Project, Vulnerability
from microrepo.repositories.protocol import Fetched, SourceSettings
from microrepo.repositories.sources.simple_index import (
    IndexSource,
    check_serial,
    conditional,
    expect_success,
    is_same_content,
    page_time_of,
    serial_of,
    validator_of,
)


def pypi_json_root() -> str:
    """Return the address of PyPI's JSON API, which distlib keeps."""
    from distlib.index import DEFAULT_INDEX

    return str(DEFAULT_INDEX).rstrip("/")


class PyPISource:
    """Reads project documents; falls back to the Simple API for what they lack."""

    def __init__(self, client: Client, settings: SourceSettings) -> None:
        self._client = client
        self._json_root = settings.json_root
        self._alone = settings.alone
        self._index = IndexSource(client, settings)
        self._asks_status = settings.asks_status
        self._has_pages = False

    def list_projects(self) -> Root:
        """Return all projects with their serials, from the Simple API beside the documents."""
        return self._index.list_projects()

    def fetch_project(
        self,
        name: str,
        etag: str | None = None,
        min_serial: int | None = None,
        known_serial: int | None = None,
    ) -> Fetched:
        """Return the record made of a project's document."""
        normalized = canonicalize_name(name)
        url = f"{self._json_root}/{normalized}/json"
        headers = {"Accept": "application/json", **conditional(etag)}
        answer = self._client.get(url, headers, same_origin=self._alone)
        if answer.status == 304 and etag:
            return Fetched(None, etag)
        if answer.status in {404, 410}:
            # There is no document of a project without a release, nor, for a while, in a cache
            # that has not heard of it: only what has no page either does not exist.
            return self._index.fetch_project(name, etag, min_serial)
        expect_success(answer, url)
        if min_serial is None and is_same_content(answer, etag):
            return Fetched(None, etag)
        parsed = parse_document(answer.body, name, serial_of(answer), answer.url)
        project = parsed.project
        check_serial(normalized, min_serial, project.serial)
        if not parsed.has_files:
            page = self._index.fetch_project(name, min_serial=min_serial)
            # No validator: files may come and go without a change of this document.
            return Fetched(_with_files_of(project, page.project), None, page_time_of(answer))
        if project.silent_on_status and (known_serial is None or project.serial != known_serial):
            project = self._with_status(project)
        return Fetched(project, validator_of(answer), page_time_of(answer))

    def _with_status(self, project: Project) -> Project:
        """Return a document's record with the status that the project's index page tells.

        A server without such pages is not asked again; what fails in another way costs only
        the status, and what was known of it goes on counting.
        """
        if not self._asks_status:
            return project
        try:
            status, reason = self._index.fetch_status(project.name)
        except ProjectNotFound:
            self._asks_status = self._has_pages
            return project
        except MicrorepoError:
            return project
        self._has_pages = True
        return msgspec.structs.replace(
            project, status=status, status_reason=reason, silent_on_status=False
        )

    def fetch_advisories(self, name: str, version: str) -> tuple[Vulnerability, ...]:
        """Return the advisories on a release.

        Raises:
            ProjectNotFound: there is no document of it.
            SourceError: it cannot be had or read.
        """
        normalized = canonicalize_name(name)
        url = f"{self._json_root}/{normalized}/{quote(version, safe='')}/json"
        answer = self._client.get(url, {"Accept": "application/json"})
        if answer.status in {404, 410}:
            raise ProjectNotFound(f"{name} {version}", url)
        expect_success(answer, url)
        return parse_vulnerabilities(answer.body, f"{name} {version}")


def _with_files_of(document: Project, page: Project | None) -> Project:
    """Return the document's record with the file list of the project's index page."""
    if page is None:
        return document
    return msgspec.structs.replace(
        document,
        files=page.files,
        versions=page.versions,
        status=page.status,
        status_reason=page.status_reason,
        silent_on_status=False,
        rejected=document.rejected + page.rejected,
        silent_on_python=page.silent_on_python,
    )
