"""Application: answers requests for a repository, without a socket."""

from __future__ import annotations

import os
from functools import partial

from microrepo.standalone.server.application.advisory_routes import AdvisoryRoutes
from microrepo.standalone.server.application.answers import (
    Answer,
    AnswerFactory,
    base_url,
    missing,
    plain_answer,
)
from microrepo.standalone.server.application.file_routes import FileRoutes
from microrepo.standalone.server.application.index_routes import IndexRoutes
from microrepo.standalone.server.application.people_routes import PeopleRoutes
from microrepo.standalone.server.disk.repository import Repository
from microrepo.standalone.server.messages.passwords import Login
from microrepo.standalone.server.messages.requests import Request, split_path
from microrepo.standalone.server.messages.responses import Response

READ_METHODS = frozenset(("GET", "HEAD"))
_ALLOW = ("Allow", "GET, HEAD, OPTIONS")
# A browser asks with OPTIONS before a script of another site may send these header fields.
PREFLIGHT = (
    _ALLOW,
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "GET, HEAD"),
    (
        "Access-Control-Allow-Headers",
        "Authorization, Range, If-Range, If-None-Match, If-Modified-Since",
    ),
    ("Access-Control-Max-Age", "86400"),
)
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="packages", charset="UTF-8"')


class Application:
    """Answers requests: index, files, advisories, pages for people. Threads may call it.

    Args:
        url: the address clients use, with a trailing slash; empty: the one they asked at.
        scheme: ``http`` or ``https``, for that address.
        private: a password is needed to read.
    """

    def __init__(
        self, repository: Repository, url: str = "", scheme: str = "http", *, private: bool = False
    ) -> None:
        self._repository = repository
        answers = AnswerFactory(repository.root, private=private)
        address = partial(base_url, url=url, scheme=scheme)
        index = IndexRoutes(repository, answers, address)
        self._files = FileRoutes(repository, answers, address)
        self._advisories = AdvisoryRoutes(repository.root)
        self._people = PeopleRoutes(repository, answers, address)
        self._routes = {
            "simple": index.simple,
            "project": self._people.project,
            "pypi": self._files.document,
            "packages": self._files.package,
        }

    @staticmethod
    def needs_login(request: Request) -> bool:
        """Return whether a request needs a password, where there are passwords."""
        reads = request.method in READ_METHODS or request.is_query
        return reads and request.path != "/healthz"

    def respond(self, request: Request, login: Login) -> Answer:
        """Return the answer to a request; reads the disk and may take its time."""
        if request.method == "OPTIONS":
            return Answer(Response(204, PREFLIGHT))
        if request.method not in READ_METHODS and not request.is_query:
            return plain_answer(405, "This repository is read-only.", _ALLOW)
        parts = split_path(request.path)
        if parts == ["healthz"]:
            return self._health()
        if not login.allowed:
            return plain_answer(401, "User name and password required.", _CHALLENGE)
        if request.is_query:
            return self._advisories.answer(request)
        if parts is None:
            return missing()
        if parts == [""]:
            return self._people.home(request)
        route = self._routes.get(parts[0])
        if route:
            return route(request, parts[1:])
        return self._files.file(parts[0]) if len(parts) == 1 else missing()

    def _health(self) -> Answer:
        try:
            os.scandir(self._repository.root).close()
        except OSError:
            return plain_answer(503, "The repository cannot be read.")
        return plain_answer(200, "The repository can be read.")
