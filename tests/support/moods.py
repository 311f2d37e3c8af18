"""How a `PyPIServer` treats single projects for a while: failing ones, and stale documents."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Literal
from urllib.parse import unquote

from tests.support.answers import Abilities, Answer, Request, Resource, answer_for
from tests.support.faults import Fault
from tests.support.index import normalize
from tests.support.server import PyPIServer
from tests.support.site import JSON_TYPE

Failing = Literal["document", "file", "content"]
_PROJECT_PATH = re.compile(r"/(?:pypi/([^/]+)/json|simple/([^/]+)/)$")
_FILES = ("/files/", "/packages/")
_PORTAL = Answer(200, {"Content-Type": "text/html"}, b"<html>Down for maintenance</html>")


def project_of(path: str) -> str | None:
    """Return the project that a request is about, None for the root."""
    match = _PROJECT_PATH.match(path)
    if match:
        return normalize(unquote(match.group(1) or match.group(2)))
    if path.startswith(_FILES):
        # A version holds no dash, so the name is what stands before the first (wheel) or last.
        filename = unquote(path.rpartition("/")[2])
        cut = filename.partition("-") if ".whl" in filename else filename.rpartition("-")
        return normalize(cut[0])
    return None


class Moods(Fault):
    """Some projects fail, and the documents of some are older than the root says.

    Args:
        server: whom it concerns.
        on_request: called with each request, before it is answered.
        place: path of a project's document, the one that may be stale, with its name as ``{}``.

    Attributes:
        suffered: the projects that anything was held back from; for the caller to clear.
    """

    def __init__(
        self, server: PyPIServer, on_request: Callable[[Request], None], place: str
    ) -> None:
        self._server = server
        self._place = place
        self._on_request = on_request
        self._lock = threading.Lock()
        self._failing: dict[str, Failing] = {}
        self._stale: dict[str, tuple[Resource, int]] = {}
        self.suffered: set[str] = set()
        server.fault("*", self)

    def __hash__(self) -> int:
        return id(self)

    def fail(self, name: str, how: Failing | None) -> None:
        """Let a project fail from now on in one way, or no more."""
        with self._lock:
            self._failing.pop(name, None)
            if how is not None:
                self._failing[name] = how

    def age(self, name: str, times: int) -> None:
        """Answer the next so many questions for a project's document with that of this moment."""
        document = self._server.site.find(self._place.format(name), {"accept": JSON_TYPE})
        if isinstance(document, Resource):
            with self._lock:
                self._stale[name] = (document, times)

    def bad(self) -> set[str]:
        """Return the projects that fail or are stale now."""
        with self._lock:
            return {*self._failing, *self._stale}

    def end(self) -> None:
        """Treat all projects well."""
        with self._lock:
            self._failing.clear()
            self._stale.clear()

    def instead(self, request: Request) -> Answer | None:
        """Answer for the projects that are in a mood."""
        self._on_request(request)
        name = project_of(request.path)
        if name is None:
            return None
        is_file = request.path.startswith(_FILES)
        with self._lock:
            how = self._failing.get(name)
            if is_file:
                answer = _failed_file(how)
            else:
                answer = _PORTAL if how == "document" else self._aged(name, request)
            if answer is not None:
                self.suffered.add(name)
            return answer

    def _aged(self, name: str, request: Request) -> Answer | None:
        document, times = self._stale.get(name, (None, 0))
        if document is None or request.path != self._place.format(name):
            return None
        if times > 1:
            self._stale[name] = (document, times - 1)
        else:
            del self._stale[name]
        return answer_for(document, request.headers, Abilities())


def _failed_file(how: Failing | None) -> Answer | None:
    if how == "file":
        return Answer(404)
    return Answer(200, {}, b"not what was announced") if how == "content" else None
