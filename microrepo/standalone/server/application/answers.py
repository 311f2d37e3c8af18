"""Answers: responses with the checks under which they may be given again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from microrepo.standalone.server.disk.files import open_below, signature_of
from microrepo.standalone.server.index_pages import HTML_TYPE, TEXT_TYPE
from microrepo.standalone.server.messages.requests import Request
from microrepo.standalone.server.messages.responses import (
    CORS,
    Caching,
    OpenFile,
    Response,
    cache_fields,
    content_tag,
    plain_response,
)
from microrepo.standalone.server.people.layout import CONTENT_SECURITY_POLICY

if TYPE_CHECKING:
    from microrepo.standalone.server.disk.files import Checks

SMALL_BYTES = 64 << 10


class Answer(NamedTuple):
    """A response, and the checks that allow reusing it; without checks it is never reused."""

    response: Response
    checks: Checks = ()


class AnswerFactory:
    """Makes answers from bytes and from files of one repository.

    Args:
        root: the real path of the repository.
        private: a password is needed, so that shared caches may not keep files.
    """

    def __init__(self, root: str, *, private: bool) -> None:
        self._root = root
        self._private = private

    def index(self, media: str, body: bytes, checks: Checks = ()) -> Answer:
        """Return an index page that was rendered for this request."""
        headers = self._headers(media, Caching.INDEX, vary=True)
        return Answer(Response(200, headers, body, content_tag(body)), checks)

    def document(self, body: bytes, *extra: tuple[str, str]) -> Answer:
        """Return a JSON document."""
        headers = self._headers("application/json", Caching.INDEX) + list(extra)
        return Answer(Response(200, headers, body, content_tag(body)))

    def page(self, status: int, body: bytes) -> Answer:
        """Return a page for people."""
        headers = (
            ("Content-Type", "text/html; charset=utf-8"),
            *cache_fields(Caching.PAGE, private=self._private),
            ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
            ("Referrer-Policy", "no-referrer"),
        )
        return Answer(Response(status, headers, body))

    def file(
        self, path: str, media: str, caching: Caching = Caching.INDEX, *, vary: bool = False
    ) -> Answer:
        """Return a file below the root, small ones from memory; clients may ask for parts of it.

        Of files with `Caching.INDEX` no parts are given, and their tag is that of the content.
        """
        opened = open_below(self._root, path)
        if opened is None:
            return missing()
        fd, status = opened
        size, ranges = status.st_size, caching is Caching.FILE
        small = size <= SMALL_BYTES
        try:
            content = os.read(fd, SMALL_BYTES) if small else OpenFile(fd, size)
        except OSError:
            return missing()
        finally:
            if small:
                os.close(fd)
        tag = f'"{status.st_mtime_ns:x}-{size:x}"'
        if isinstance(content, bytes) and not ranges:
            tag = content_tag(content)
        modified_s = int(status.st_mtime) if ranges else None
        checks = ((path, signature_of(status)),) if small else ()
        response = Response(200, self._headers(media, caching, vary=vary), content, tag, modified_s)
        return Answer(response, checks)

    def _headers(
        self, media: str, caching: Caching, *, vary: bool = False
    ) -> list[tuple[str, str]]:
        is_text = media == HTML_TYPE or media.startswith("text/")
        headers = [("Content-Type", media + "; charset=utf-8" * is_text)]
        headers += cache_fields(caching, private=self._private)
        if vary:
            headers.append(("Vary", "Accept"))
        if media in {TEXT_TYPE, HTML_TYPE}:
            headers.append(("Content-Security-Policy", "default-src 'none'"))
        return headers


def plain_answer(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """Return a short answer in plain text."""
    return Answer(plain_response(status, text, *headers))


def missing(text: str = "No such page or file.") -> Answer:
    """Return the answer for an address that leads to nothing."""
    # A script learns with it that this index has no such project, and asks the next one.
    return plain_answer(404, text, CORS)


def redirect(location: str, request: Request) -> Answer:
    """Return a redirect that keeps the query.

    The location is relative to the path, so that it is right behind a proxy that adds a prefix.
    """
    query = "?" + request.query if request.query else ""
    cache = cache_fields(Caching.INDEX, private=False)
    return Answer(Response(301, [("Location", location + query), *cache]))


def base_url(request: Request, url: str, scheme: str) -> str:
    """Return the address of the repository: `url` if given, else the one the client asked at."""
    host = request.headers.get("host") or "localhost"
    secure = request.headers.get("x-forwarded-proto") == "https"
    return url or f"{'https' if secure else scheme}://{host}/"
