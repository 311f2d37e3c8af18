"""What the readers of index pages share: the list of projects, links, the API's version."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urljoin, urlsplit

from msgspec import Struct

from microrepo.errors import MalformedResponse

_NEWEST_MAJOR = "1"
_LONGEST_SHOWN = 80
# ``../../packages/ab/foo-1.0.tar.gz``: steps up, then names without a dot in front.
_PLAIN_LINK = re.compile(
    r"((?:\.\./)*)((?:[\w+~%-][\w.+~%-]*/)*[\w+~%-][\w.+~%-]*)", re.ASCII
).fullmatch


class Root(Struct, frozen=True):
    """The list of all projects.

    Attributes:
        projects: serial, or None, by name as displayed.
        serial: the list's own.
        unreadable: entries that name no project; what they stood for is not gone.
        validator: of the response, for the next conditional request.
        is_unchanged: the source answered "not modified", so the other attributes are empty.
    """

    projects: dict[str, int | None]
    serial: int | None = None
    unreadable: int = 0
    validator: str | None = None
    is_unchanged: bool = False


class ProjectStatus(Struct):
    """Status of a project (PEP 792) as the JSON of an index has it."""

    status: str = "active"
    reason: str | None = None


class PageRecord(Struct, frozen=True):
    """What a project's page lists that its document lacks.

    Attributes:
        status, status_reason: of the project (PEP 792).
    """

    status: str = "active"
    status_reason: str | None = None


def join_link(base_url: str, link: str) -> str:
    """Return a link resolved against a URL, as `urljoin` does it.

    Indexes have tens of thousands of links up and down again, which `urljoin` takes apart at ten
    times the cost.
    """
    plain = _PLAIN_LINK(link)
    folder = _folder(base_url, plain[1]) if plain is not None else ""
    return (
        folder + plain[2] if plain is not None and folder[-1:] == "/" else urljoin(base_url, link)
    )


@lru_cache(maxsize=64)
def _folder(base_url: str, ups: str) -> str:
    """Return the folder of a URL, or one above it; no slash at its end if it has none."""
    parts = urlsplit(base_url)
    is_usual = parts.scheme in {"http", "https"} and bool(parts.netloc)
    return urljoin(base_url, ups or ".") if is_usual else ""


def absolute_link(page_url: str, base_url: str, link: str) -> str:
    """Return a link resolved against the page's base, which the page itself may have chosen.

    Raises:
        ValueError: it does not lead to a place where files can be had from.
    """
    url = join_link(base_url, link)
    scheme = urlsplit(url).scheme
    if scheme not in {"http", "https", "file"}:
        raise ValueError(f"link is not http(s): {link[:_LONGEST_SHOWN]!r}")
    if scheme == "file" and urlsplit(page_url).scheme != "file":
        raise ValueError(f"a web page may not link to local files: {link[:_LONGEST_SHOWN]!r}")
    return url


def check_api_version(version: str, url: str) -> None:
    """Raise `MalformedResponse` for a page of a newer major version of the API."""
    if version.partition(".")[0] != _NEWEST_MAJOR:
        shown = version[:_LONGEST_SHOWN]
        raise MalformedResponse(url, f"Simple API version {shown!r} is newer than this program")
