"""File routes: distributions, their sidecars and the JSON documents for other mirrors."""

from __future__ import annotations

import re
from collections.abc import Callable

from microrepo.standalone.server.application.answers import Answer, AnswerFactory, missing, redirect
from microrepo.standalone.server.disk.repository import Repository
from microrepo.standalone.server.index_pages import with_absolute_urls
from microrepo.standalone.server.messages.requests import Request
from microrepo.standalone.server.messages.responses import Caching
from microrepo.standalone.server.names import (
    PROVENANCE_SUFFIX,
    SIDECAR_SUFFIXES,
    is_mutable,
    is_project_name,
    is_servable,
    normalize_name,
)

PROVENANCE_TYPE = "application/vnd.pypi.integrity.v1+json"


SERIAL_HEADER = "X-PyPI-Last-Serial"


_DOCUMENT_SERIAL = re.compile(rb'"last_serial":\s*(\d{1,18})')


class FileRoutes:
    """Answers requests for files and documents.

    Args:
        address: returns the repository's own address for a request.
    """

    def __init__(
        self, repository: Repository, answers: AnswerFactory, address: Callable[[Request], str]
    ) -> None:
        self._repository = repository
        self._answers = answers
        self._address = address

    def document(self, request: Request, parts: list[str]) -> Answer:
        """Return the JSON document of a project, its links made absolute."""
        if len(parts) != 2 or parts[1] != "json" or not is_project_name(parts[0]):
            return missing()
        key = normalize_name(parts[0])
        if key != parts[0]:
            return redirect(f"../{key}/json", request)
        document = self._repository.read("pypi", key, "json")
        if not document:
            return missing()
        # bandersnatch needs absolute addresses below /packages/, and the serial in a header.
        body = with_absolute_urls(document, f"{self._address(request)}packages/")
        serial = _DOCUMENT_SERIAL.search(document)
        extra = [(SERIAL_HEADER, serial.group(1).decode("ascii"))] if serial else []
        return self._answers.document(body, *extra)

    def package(self, _request: Request, parts: list[str]) -> Answer:
        """Return a file at the address that other mirrors use."""
        return self.file(parts[0]) if len(parts) == 1 and parts[0] else missing()

    def file(self, name: str) -> Answer:
        """Return a distribution, a sidecar or ``last-modified``."""
        path = self._repository.path(name)
        if name == "last-modified":
            return self._answers.file(path, "text/plain")
        if not is_servable(name):
            return missing()
        if is_mutable(name):
            return self._answers.file(path, "application/json")
        lowered = name.lower()
        media = "text/plain" if lowered.endswith(SIDECAR_SUFFIXES) else "application/octet-stream"
        if lowered.endswith(PROVENANCE_SUFFIX):
            media = PROVENANCE_TYPE
        return self._answers.file(path, media, Caching.FILE)
