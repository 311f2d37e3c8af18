"""Source for PyPI and similar servers: JSON API for projects, Simple API for the list."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

import msgspec
from packaging.utils import canonicalize_name

from microrepo.client import Answer, Client
from microrepo.client.transport.waiting import EarlyCall
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
    """Return the URL of PyPI's JSON API, from distlib."""
    from distlib.index import DEFAULT_INDEX

    return str(DEFAULT_INDEX).rstrip("/")


class PyPISource:
    """Reads project documents, and the Simple API for what they lack."""

    def __init__(self, client: Client, settings: SourceSettings) -> None:
        self._client = client
        self._json_root = settings.json_root
        self._alone = settings.alone
        self._index = IndexSource(client, settings)
        self._asks_status = settings.asks_status
        self._asks_provenance = settings.asks_provenance
        self._has_pages = settings.is_pypi
        self._are_documents_silent = True

    def list_projects(self, validator: str | None = None) -> Root:
        """Return all projects with their serials, from the Simple API."""
        return self._index.list_projects(validator)

    def fetch_project(
        self,
        name: str,
        etag: str | None = None,
        min_serial: int | None = None,
        known_serial: int | None = None,
    ) -> Fetched:
        """Return a project's record from its document.

        A new project's page is requested together with its document if it will be needed.
        """
        page = EarlyCall(partial(self._index.request_page, name))
        is_new = etag is None and known_serial is None
        asks = self._asks_provenance or (self._asks_status and self._are_documents_silent)
        if is_new and asks and self._has_pages:
            page.begin_soon()
        try:
            return self._fetch_document(name, etag, min_serial, known_serial, page)
        finally:
            page.cancel()

    def _fetch_document(
        self,
        name: str,
        etag: str | None,
        min_serial: int | None,
        known_serial: int | None,
        page: EarlyCall[Answer],
    ) -> Fetched:
        normalized = canonicalize_name(name)
        url = f"{self._json_root}/{normalized}/json"
        headers = {"Accept": "application/json", **conditional(etag)}
        answer = self._client.get(url, headers, same_origin=self._alone)
        if answer.status == 304 and etag:
            return Fetched(None, etag)
        if answer.status in {404, 410}:
            # A project without a release has no document, and a stale cache may lack it for a
            # while: only a project without a page does not exist either.
            if etag is not None:
                return self._index.fetch_project(name, etag, min_serial)
            return self._index.read_project(name, page.result(), None, min_serial)
        expect_success(answer, url)
        if min_serial is None and is_same_content(answer, etag):
            return Fetched(None, etag)
        parsed = parse_document(answer.body, name, serial_of(answer), answer.url, answer.bound)
        project = parsed.project
        self._are_documents_silent = project.silent_on_status
        check_serial(normalized, min_serial, project.serial)
        if not parsed.has_files:
            listed = self._index.read_project(name, page.result(), min_serial=min_serial)
            # No validator: files can change without a change of this document.
            return Fetched(_with_files_of(project, listed.project), None, page_time_of(answer))
        lacks_status = False
        if known_serial is None or project.serial != known_serial:
            if self._asks_provenance:
                project = self._with_provenance(project, page)
            elif project.silent_on_status:
                project, lacks_status = self._with_status(project, page)
        # Without a validator, the next request gets the document again, and then the status.
        validator = None if lacks_status else validator_of(answer)
        return Fetched(project, validator, page_time_of(answer), lacks_status)

    def _with_status(self, project: Project, page: EarlyCall[Answer]) -> tuple[Project, bool]:
        """Return a document's record with the status from the project's index page.

        A server without such pages is not asked again. After other failures only the status is
        missing, the known one stays valid, and the second value is True.
        """
        if not self._asks_status:
            return project, False
        try:
            record = self._index.read_page_record(project.name, page.result())
        except ProjectNotFound:
            self._asks_status = self._has_pages
            return project, False
        except MicrorepoError:
            return project, True
        self._has_pages = True
        told = msgspec.structs.replace(
            project,
            status=record.status,
            status_reason=record.status_reason,
            silent_on_status=False,
        )
        return told, False

    def _with_provenance(self, project: Project, page: EarlyCall[Answer]) -> Project:
        """Return a document's record with the status and the attestations on the project's page.

        Raises:
            StalePage: the page is older than the document, and may lack what is attested.
            SourceError: it cannot be read. Unlike a status, attestations decide about files.
        """
        try:
            listed = self._index.read_project(
                project.name, page.result(), min_serial=project.serial
            ).project
        except ProjectNotFound:
            if not self._has_pages:
                self._asks_status = self._asks_provenance = False
            return project
        self._has_pages = True
        return project if listed is None else _with_provenance_of(project, listed)

    def fetch_advisories(self, name: str, version: str) -> tuple[Vulnerability, ...]:
        """Return the advisories for a release.

        Raises:
            ProjectNotFound: the release has no document.
            SourceError: it cannot be read.
        """
        normalized = canonicalize_name(name)
        url = f"{self._json_root}/{normalized}/{quote(version, safe='')}/json"
        answer = self._client.get(url, {"Accept": "application/json"})
        if answer.status in {404, 410}:
            raise ProjectNotFound(f"{name} {version}", url)
        expect_success(answer, url)
        return parse_vulnerabilities(answer.body, f"{name} {version}", answer.bound)


def _with_files_of(document: Project, page: Project | None) -> Project:
    """Return the document's record with the files of the project's index page."""
    if page is None:
        return document
    return msgspec.structs.replace(
        document,
        files=page.files,
        versions=page.versions,
        status=page.status,
        status_reason=page.status_reason,
        silent_on_status=False,
        silent_on_provenance=page.silent_on_provenance,
        rejected=document.rejected + page.rejected,
        silent_on_python=page.silent_on_python,
    )


def _with_provenance_of(document: Project, page: Project) -> Project:
    """Return the document's record with the status and the attestations of its index page."""
    urls = {(one.filename, one.digests.sha256): one.provenance for one in page.files}
    files = tuple(
        msgspec.structs.replace(one, provenance=url)
        if (url := urls.get((one.filename, one.digests.sha256)))
        else one
        for one in document.files
    )
    if document.silent_on_status:
        document = msgspec.structs.replace(
            document,
            status=page.status,
            status_reason=page.status_reason,
            silent_on_status=False,
        )
    return msgspec.structs.replace(document, files=files, silent_on_provenance=False)
