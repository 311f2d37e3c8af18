"""Index routes: answers below ``simple/``, from static pages or rendered."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from microrepo.standalone.server.application.answers import (
    Answer,
    AnswerFactory,
    missing,
    plain_answer,
    redirect,
)
from microrepo.standalone.server.disk.repository import Repository
from microrepo.standalone.server.index_pages import (
    HTML_TYPE,
    JSON_TYPE,
    TEXT_TYPE,
    names_provenance,
    render_links_html,
    render_project_html,
    render_project_json,
    render_root_html,
    render_root_json,
    with_absolute_provenance,
    with_absolute_urls,
)
from microrepo.standalone.server.messages.negotiation import wanted_type
from microrepo.standalone.server.messages.requests import Request
from microrepo.standalone.server.names import is_project_name, normalize_name

MAX_LINKED_FILES = 20_000
_INDEX_NAMES = {"index.html": TEXT_TYPE, "index.v1_html": HTML_TYPE, "index.v1_json": JSON_TYPE}


class IndexRoutes:
    """Answers requests for index pages.

    Args:
        address: returns the repository's own address for a request.
    """

    def __init__(
        self, repository: Repository, answers: AnswerFactory, address: Callable[[Request], str]
    ) -> None:
        self._repository = repository
        self._answers = answers
        self._address = address
        self._linking = threading.Lock()

    def simple(self, request: Request, parts: list[str]) -> Answer:
        """Return the root page, a project's page, or one of their files."""
        if not parts:
            return redirect("simple/", request)
        name, rest = parts[0], parts[1:]
        if not rest and name in {"", *_INDEX_NAMES, "links.html"}:
            return self._root_file(request, name)
        key = normalize_name(name)
        if len(rest) > 1 or not is_project_name(name):
            return missing()
        if not rest:
            return redirect(key + "/", request)
        if name != key:
            return redirect(f"../{key}/{rest[0]}", request)
        if rest == [""]:
            return self._index(request, ("simple", key), partial(self._project_page, key))
        return self._index_file(rest[0], "simple", key, rest[0])

    def _root_file(self, request: Request, name: str) -> Answer:
        if not name:
            return self._index(request, ("simple",), self._root_page)
        if name == "links.html" and not self._repository.has("simple", name):
            return self._links()
        return self._index_file(name, "simple", name)

    def _links(self) -> Answer:
        if self._repository.totals().files > MAX_LINKED_FILES:
            return missing("The directory is too large: write its index pages first.")
        if not self._linking.acquire(blocking=False):
            return plain_answer(503, "The page is being made.", ("Retry-After", "2"))
        try:
            body = render_links_html(self._repository.all_pages())
        finally:
            self._linking.release()
        return self._answers.index(TEXT_TYPE, body)

    def _index_file(self, name: str, *parts: str) -> Answer:
        media = TEXT_TYPE if name == "links.html" else _INDEX_NAMES.get(name)
        return self._static(media, *parts) if media else missing()

    def _static(self, media: str, *parts: str, vary: bool = False) -> Answer:
        answer = self._answers.file(self._repository.path(*parts), media, vary=vary)
        return answer if answer.response.size else missing()

    def _index(
        self, request: Request, parts: tuple[str, ...], render: Callable[[str], Answer | None]
    ) -> Answer:
        media = wanted_type(request)
        if not media:
            text = f"Choose one of {JSON_TYPE}, {HTML_TYPE}, {TEXT_TYPE}."
            return plain_answer(406, text, ("Vary", "Accept"))
        static = (*parts, "index.v1_json" if media == JSON_TYPE else "index.v1_html")
        # Without the JSON page HTML is rendered as well, so that both say the same.
        if media == JSON_TYPE or self._repository.has(*parts, "index.v1_json"):
            answer = self._static(media, *static, vary=True)
            if answer.response.status == 200:
                return self._complete(request, media, answer, static)
        answer = render(media) or missing()
        return self._complete(request, media, answer)

    def _complete(
        self, request: Request, media: str, answer: Answer, static: tuple[str, ...] = ()
    ) -> Answer:
        """Return a page with the addresses that depend on the request.

        Those of provenance objects, and for scripts in browsers those of the files: micropip does
        not resolve the relative ones of a page in JSON.
        """
        response = answer.response
        if media != JSON_TYPE or response.status != 200:
            return answer
        has_objects = names_provenance(response.head())
        if not (has_objects or request.is_script):
            return answer
        body = response.content
        if not isinstance(body, bytes):
            response.close()
            body = self._repository.read(*static)
        address = self._address(request)
        if has_objects:
            body = with_absolute_provenance(body, address)
        if request.is_script:
            body = with_absolute_urls(body, address)
        return self._answers.index(media, body)

    def _project_page(self, name: str, media: str) -> Answer | None:
        found = self._repository.project(name)
        if found is None:
            return None
        render = render_project_json if media == JSON_TYPE else render_project_html
        checks = found.checks if found.settled else ()
        return self._answers.index(media, render(found.page), checks)

    def _root_page(self, media: str) -> Answer | None:
        root, checks = self._repository.root_page()
        render = render_root_json if media == JSON_TYPE else render_root_html
        return self._answers.index(media, render(root), checks)
