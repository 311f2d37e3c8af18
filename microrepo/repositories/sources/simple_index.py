"""Source for any index with a Simple API (PEP 503, PEP 691)."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from email.utils import formatdate, parsedate_to_datetime

import msgspec
from packaging.utils import canonicalize_name

from microrepo.client import Answer, Client
from microrepo.client.credentials import SOURCE_PLACES, UNAUTHORIZED
from microrepo.errors import (
    AccessDenied,
    MalformedResponse,
    NoProjectList,
    ProjectNotFound,
    StalePage,
    Unavailable,
)
from microrepo.formats.bounds import PROJECT_LIST
from microrepo.formats.index.simple_api import (
    ACCEPT,
    PageRecord,
    Root,
    parse_page_record,
    parse_project,
    parse_root,
)
from microrepo.formats.index.values import parse_serial
from microrepo.formats.times import format_time
from microrepo.repositories.protocol import Fetched, SourceSettings

# Statuses with which servers without a list respond.
_NO_LIST = frozenset({404, 405, 410, 501})


# Prefixes of stored validators that are a time or a digest instead of an ETag.
_MODIFIED = "modified:"
_CONTENT = "sha256:"
_SETTLED = timedelta(minutes=1)
_SETTLED_ETAG = timedelta(seconds=2)


class IndexSource:
    """Reads project pages and the list of projects from a Simple API."""

    def __init__(self, client: Client, settings: SourceSettings) -> None:
        self._client = client
        self._root = settings.simple_root
        self._name = settings.name
        self._alone = settings.alone

    def list_projects(self, validator: str | None = None) -> Root:
        """Return all projects, with serials if the index lists them."""
        headers = {"Accept": ACCEPT, **conditional(validator)}
        answer = self._client.get(self._root, headers, PROJECT_LIST, same_origin=self._alone)
        if answer.status == 304 and validator:
            return Root({}, validator=validator, is_unchanged=True)
        if answer.status in _NO_LIST:
            raise NoProjectList(self._root, f"answers HTTP {answer.status}")
        expect_success(answer, self._root)
        if is_same_content(answer, validator):
            return Root({}, validator=validator, is_unchanged=True)
        root = parse_root(answer.body, answer.headers.get("Content-Type", ""), answer.url)
        if not root.projects:
            # Accepting it would empty the repository; a broken server is more likely.
            raise MalformedResponse(self._root, "lists no projects")
        return msgspec.structs.replace(root, validator=validator_of(answer))

    def fetch_project(
        self,
        name: str,
        etag: str | None = None,
        min_serial: int | None = None,
        known_serial: int | None = None,  # noqa: ARG002
    ) -> Fetched:
        """Return a project's record from its page."""
        return self.read_project(name, self.request_page(name, etag), etag, min_serial)

    def request_page(self, name: str, etag: str | None = None) -> Answer:
        """Return the response to a request for a project's page, whatever its status."""
        headers = {"Accept": ACCEPT, **conditional(etag)}
        return self._client.get(self._page_url(name), headers, same_origin=self._alone)

    def _page_url(self, name: str) -> str:
        return f"{self._root}{canonicalize_name(name)}/"

    def read_project(
        self, name: str, answer: Answer, etag: str | None = None, min_serial: int | None = None
    ) -> Fetched:
        """Return a project's record from the response to a request for its page."""
        normalized = canonicalize_name(name)
        if answer.status == 304 and etag:
            return Fetched(None, etag)
        if answer.status in {404, 410}:
            raise ProjectNotFound(normalized, self._name)
        expect_success(answer, self._page_url(name))
        if min_serial is None and is_same_content(answer, etag):
            return Fetched(None, etag)
        project = parse_project(
            answer.body,
            answer.headers.get("Content-Type", ""),
            answer.url,
            name,
            serial_of(answer),
            answer.bound,
        )
        check_serial(normalized, min_serial, project.serial)
        return Fetched(project, validator_of(answer), page_time_of(answer))

    def read_page_record(self, name: str, answer: Answer) -> PageRecord:
        """Return what a project's page lists that its document lacks.

        Raises:
            ProjectNotFound: the page does not exist.
            SourceError: it cannot be read.
        """
        if answer.status in _NO_LIST:
            raise ProjectNotFound(name, self._name)
        expect_success(answer, self._page_url(name))
        content_type = answer.headers.get("Content-Type", "")
        return parse_page_record(answer.body, content_type, answer.url, name, answer.bound)


def conditional(validator: str | None) -> dict[str, str]:
    """Return the header of a conditional request."""
    if not validator or validator.startswith(_CONTENT):
        return {}
    if validator.startswith(_MODIFIED):
        return {"If-Modified-Since": validator.removeprefix(_MODIFIED)}
    return {"If-None-Match": validator}


def validator_of(answer: Answer) -> str:
    """Return the validator of a page: its ETag, its time or its digest.

    A time has whole seconds and proves nothing while the page can change again within the same
    second (RFC 9110, 8.8.2.2), so only the time of an older page is used.
    """
    etag, modified = answer.headers.get("ETag"), answer.headers.get("Last-Modified")
    # Without a date, it is when the answer was received (RFC 9110, 6.6.1).
    date = answer.headers.get("Date") or formatdate(usegmt=True)
    # Web servers make the ETag of a file from its time and size.
    if etag and (not modified or _is_settled(modified, date, _SETTLED_ETAG)):
        return etag
    if modified and _is_settled(modified, date, _SETTLED):
        return f"{_MODIFIED}{modified}"
    digest = hashlib.sha256(answer.body)
    # Links can be relative: the same page of a server that moved means other addresses.
    digest.update(f" {serial_of(answer)} {answer.url}".encode())
    return f"{_CONTENT}{digest.hexdigest()}"


def _is_settled(modified: str, date: str, least: timedelta) -> bool:
    try:
        return parsedate_to_datetime(date) - parsedate_to_datetime(modified) >= least
    except (TypeError, ValueError, OverflowError):
        return False


def is_same_content(answer: Answer, validator: str | None) -> bool:
    """Return whether a page has the digest of a stored validator.

    An unchanged page need not be parsed, even if the server sends no validators.
    """
    return (
        validator is not None
        and validator.startswith(_CONTENT)
        and validator_of(answer) == validator
    )


def page_time_of(answer: Answer) -> str | None:
    """Return when a page was last changed according to the server, or None."""
    try:
        return format_time(parsedate_to_datetime(answer.headers.get("Last-Modified", "")))
    except (TypeError, ValueError, OverflowError):
        return None


def expect_success(answer: Answer, url: str, places: str = SOURCE_PLACES) -> None:
    """Raise `Unavailable` (or `AccessDenied`) for any status but 200.

    Args:
        places: where credentials for this server can be put, as text.
    """
    if answer.status == 401:
        raise AccessDenied(url, f"answers {UNAUTHORIZED}; {places}")
    if answer.status == 403:
        raise AccessDenied(url, "answers HTTP 403 (access is refused)")
    if answer.status == 304:
        raise Unavailable(url, "answers HTTP 304 (not modified), though nothing is known yet")
    if 300 <= answer.status < 400:
        raise Unavailable(
            url, "redirects to another server; to use that one, name it as the source"
        )
    if answer.status != 200:
        raise Unavailable(url, f"answers HTTP {answer.status}")


def serial_of(answer: Answer) -> int | None:
    """Return the serial in the response's header, None without a readable one."""
    return parse_serial(answer.headers.get("X-PyPI-Last-Serial"))


def check_serial(name: str, promised: int | None, got: int | None) -> None:
    """Raise `StalePage` if a page is older than promised; accept an unknown age."""
    if promised is not None and got is not None and got < promised:
        raise StalePage(name, promised, got)
