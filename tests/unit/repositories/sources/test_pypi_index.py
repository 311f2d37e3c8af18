"""PyPI's JSON API as a source: which answers are parsed, and what is known of them afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from microrepo.client import Answer
from microrepo.errors import StalePage
from microrepo.repositories.protocol import Fetched, SourceSettings
from microrepo.repositories.sources.pypi_index import PyPISource

ROOT = "https://index.example"
FILE = {
    "filename": "foo-1.0-py3-none-any.whl",
    "url": f"{ROOT}/files/foo-1.0-py3-none-any.whl",
    "packagetype": "bdist_wheel",
    "digests": {"sha256": "a" * 64},
}


class Index:
    """Answers each URL with one body; a client in the eyes of the source."""

    def __init__(self, **bodies: object) -> None:
        self.bodies = {path: msgspec.json.encode(body) for path, body in bodies.items()}
        self.asked: list[str] = []

    def get(self, url: str, headers: Mapping[str, str], **_: Any) -> Answer:
        assert headers
        self.asked.append(url)
        kind = "document" if url.endswith("/json") else "page"
        media = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
        if kind not in self.bodies:
            return Answer(404, {}, b"", url)
        return Answer(200, media, self.bodies[kind], url)

    def fetch(self, etag: str | None = None, min_serial: int | None = None) -> Fetched:
        settings = SourceSettings("json", f"{ROOT}/simple/", f"{ROOT}/pypi")
        source = PyPISource(self, settings)  # type: ignore[arg-type]
        return source.fetch_project("foo", etag, min_serial)


def document(**more: object) -> dict[str, object]:
    return {
        "info": {"name": "foo", "version": "1.0"},
        "last_serial": 3,
        "releases": {"1.0": [FILE]},
        **more,
    }


def test_the_same_document_is_not_parsed_again() -> None:
    index = Index(document=document())
    first = index.fetch()
    assert first.project is not None
    assert index.fetch(first.etag) == Fetched(None, first.etag)
    other = Index(document=document(last_serial=4)).fetch(first.etag)
    assert other.project is not None
    assert other.project.serial == 4


def test_the_same_document_is_stale_if_the_list_announced_a_newer_one() -> None:
    index = Index(document=document())
    with pytest.raises(StalePage):
        index.fetch(index.fetch().etag, min_serial=4)


def test_a_document_that_lists_no_files_proves_nothing_about_them() -> None:
    page = {"meta": {"api-version": "1.0"}, "name": "foo", "files": []}
    whole = document()
    del whole["releases"]
    index = Index(document=whole, page=page)
    assert index.fetch().etag is None
    assert len(index.asked) == 2
