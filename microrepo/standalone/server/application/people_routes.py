"""People routes: the front page with its search, and project pages."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import parse_qs

from microrepo.standalone.server.application.answers import Answer, AnswerFactory, missing, redirect
from microrepo.standalone.server.disk.repository import Repository
from microrepo.standalone.server.labels import initial_of
from microrepo.standalone.server.messages.requests import Request
from microrepo.standalone.server.names import is_project_name, normalize_name
from microrepo.standalone.server.people.front_page import PAGE_SIZE, render_home
from microrepo.standalone.server.people.layout import render_message
from microrepo.standalone.server.people.project_page import render_project
from microrepo.standalone.server.people.views import HomeView, ProjectView
from microrepo.standalone.server.records import latest_version, list_versions
from microrepo.standalone.server.versions import version_key


class PeopleRoutes:
    """Answers requests for pages for people.

    Args:
        address: returns the repository's own address for a request.
    """

    def __init__(
        self, repository: Repository, answers: AnswerFactory, address: Callable[[Request], str]
    ) -> None:
        self._repository = repository
        self._answers = answers
        self._address = address

    def home(self, request: Request) -> Answer:
        """Return the front page or a page of search results."""
        asked = parse_qs(request.query)
        query, letter = (asked.get(key, [""])[0].strip()[:100] for key in ("q", "letter"))
        names = list(self._repository.names())
        chosen = self._search(names, query.lower(), letter[:1].lower())
        number = asked.get("page", ["1"])[0]
        pages = max(1, -(-len(chosen) // PAGE_SIZE))
        page = min(max(int(number), 1), pages) if re.fullmatch(r"[0-9]{1,9}", number) else 1
        shown = chosen[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        view = HomeView(
            url=self._address(request),
            now_s=time.time(),
            totals=self._repository.totals(),
            cards=tuple(self._repository.card(name) for name in shown),
            matches=len(chosen),
            letters="".join(sorted({initial_of(name) for name in names})),
            query=query,
            letter=letter[:1].lower(),
            page=page,
            notice=self._repository.notice(time.time()),
        )
        return self._answers.page(200, render_home(view))

    def _search(self, names: list[str], query: str, letter: str) -> list[str]:
        if letter and not query:
            return [name for name in names if initial_of(name) == letter]
        words = [normalize_name(word) or word for word in query.split()]
        if not words:
            return names

        # Summaries are searched only where projects are few: each must be read for that.
        few = len(names) <= 500

        def matches(name: str) -> bool:
            text = f"{name} {self._repository.card(name).summary.lower()}" if few else name
            return all(word in text for word in words)

        def rank(name: str) -> tuple[bool, bool, bool, str]:
            first = words[0]
            return (name != first, not name.startswith(first), first not in name, name)

        return sorted(filter(matches, names), key=rank)

    def project(self, request: Request, parts: list[str]) -> Answer:
        """Return the page of a project, with the release that the query names or the latest."""
        if not parts or parts == [""]:
            return redirect("../" if parts else "./", request)
        name, key = parts[0], normalize_name(parts[0])
        if len(parts) > 2 or parts[1:] not in ([], [""]) or not is_project_name(name):
            return missing()
        if len(parts) == 1 or name != key:
            return redirect(f"../{key}/" if parts[1:] else f"{key}/", request)
        found = self._repository.project(key)
        if found is None:
            text = f"This repository has no project called {key}."
            return self._answers.page(404, render_message("Project not found", text, "../../"))
        asked = parse_qs(request.query).get("version", [""])[0]
        same = [v for v in list_versions(found.page) if version_key(v) == version_key(asked)]
        version = same[0] if same else latest_version(found.page)
        view = ProjectView(
            url=self._address(request),
            now_s=time.time(),
            page=found.page,
            info=self._repository.info_with_publishers(found.page, version),
            version=version,
            known=self._repository.names().__contains__,
            notice=self._repository.notice(time.time()),
        )
        return self._answers.page(200, render_project(view))
