"""The Simple API: pages in either form to records."""

from __future__ import annotations

from microrepo.formats.bounds import DOCUMENT, Bound
from microrepo.formats.index.index_records import PageRecord, Root
from microrepo.formats.index.simple_html import (
    page_record_from_html,
    project_from_html,
    root_from_html,
)
from microrepo.formats.index.simple_json import (
    page_record_from_json,
    project_from_json,
    root_from_json,
)
from microrepo.model import Project

__all__ = [
    "ACCEPT",
    "PageRecord",
    "Root",
    "is_json",
    "parse_page_record",
    "parse_project",
    "parse_root",
]

ACCEPT = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"
)


def is_json(content_type: str) -> bool:
    """Return whether a Content-Type is that of a JSON page."""
    return content_type.partition(";")[0].strip().lower().endswith("json")


def parse_root(body: bytes, content_type: str, url: str) -> Root:
    """Return the list of all projects of an index.

    Raises:
        MalformedResponse: the page cannot be read.
    """
    if is_json(content_type):
        return root_from_json(body, url)
    return root_from_html(body, url)


def parse_project(
    body: bytes,
    content_type: str,
    url: str,
    name: str,
    header_serial: int | None = None,
    bound: Bound = DOCUMENT,
) -> Project:
    """Return the record of one project's page; relative links are resolved against `url`.

    Raises:
        MalformedResponse: the page cannot be read, or is of a newer major API version.
    """
    if is_json(content_type):
        return project_from_json(body, url, name, header_serial, bound)
    return project_from_html(body, url, name, header_serial, bound)


def parse_page_record(
    body: bytes, content_type: str, url: str, name: str, bound: Bound = DOCUMENT
) -> PageRecord:
    """Return what one project's page lists that the project's document lacks.

    Raises:
        MalformedResponse: the page cannot be read, or is about another project than `name`.
    """
    if is_json(content_type):
        return page_record_from_json(body, url, name, bound)
    return page_record_from_html(body, url, bound)
