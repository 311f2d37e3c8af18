"""PyPI's JSON API as a source: which answers are parsed, and what is known of them afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from microrepo.client import Answer
from microrepo.client.transport.waiting import set_task_queue
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


class BusyIndex(Index):
    """Gives the worker's other tasks a turn before it answers."""

    def __init__(self, **bodies: object) -> None:
        super().__init__(**bodies)
        self.tasks: list[Callable[[], None]] = []

    def get(self, url: str, headers: Mapping[str, str], **more: Any) -> Answer:
        while self.tasks:
            self.tasks.pop()()
        return super().get(url, headers, **more)

    @contextmanager
    def in_worker(self) -> Iterator[None]:
        set_task_queue(self.tasks.append)
        yield
        set_task_queue(None)


PAGE = {
    "meta": {"api-version": "1.4"},
    "name": "foo",
    "files": [],
    "project-status": {"status": "archived", "reason": "moved"},
}
DOCUMENT_URL, PAGE_URL = f"{ROOT}/pypi/foo/json", f"{ROOT}/simple/foo/"


@pytest.mark.parametrize(
    ("is_pypi", "etag", "known_serial", "asked"),
    [
        (True, None, None, [PAGE_URL, DOCUMENT_URL]),
        (True, '"validator"', None, [DOCUMENT_URL, PAGE_URL]),
        (True, None, 2, [DOCUMENT_URL, PAGE_URL]),
        (True, None, 3, [DOCUMENT_URL]),
        (False, None, None, [DOCUMENT_URL, PAGE_URL]),
    ],
)
def test_the_page_is_requested_with_the_document_only_if_it_will_be_needed(
    is_pypi: bool, etag: str | None, known_serial: int | None, asked: list[str]
) -> None:
    index = BusyIndex(document=document(), page=PAGE)
    with index.in_worker():
        source = open_pypi(index, is_pypi=is_pypi)
        fetched = source.fetch_project("foo", etag, None, known_serial).project
    assert index.asked == asked
    assert fetched is not None
    assert (fetched.status == "archived") == (PAGE_URL in asked)
    assert not index.tasks


def test_pages_that_were_needed_once_are_requested_early() -> None:
    index = BusyIndex(document=document(), page=PAGE)
    with index.in_worker():
        source = open_pypi(index)
        source.fetch_project("foo")
        source.fetch_project("foo")
    assert index.asked == [DOCUMENT_URL, PAGE_URL, PAGE_URL, DOCUMENT_URL]


def test_documents_with_a_status_need_no_page() -> None:
    told = document(**{"project-status": {"status": "deprecated"}})
    index = BusyIndex(document=told, page=PAGE)
    with index.in_worker():
        source = open_pypi(index, is_pypi=True)
        source.fetch_project("foo")
        index.asked.clear()
        again = source.fetch_project("foo").project
    assert index.asked == [DOCUMENT_URL]
    assert again is not None
    assert again.status == "deprecated"


def test_the_page_of_a_project_without_a_document_is_requested_once() -> None:
    index = BusyIndex(page=PAGE)
    with index.in_worker():
        fetched = open_pypi(index, is_pypi=True).fetch_project("foo").project
    assert index.asked == [PAGE_URL, DOCUMENT_URL]
    assert fetched is not None
    assert fetched.status == "archived"


def test_a_busy_worker_asks_for_no_page_that_turns_out_not_to_be_needed() -> None:
    index = Index(document=document())
    tasks: list[Callable[[], None]] = []
    set_task_queue(tasks.append)
    source = open_pypi(index, is_pypi=True)
    with pytest.raises(StalePage):
        source.fetch_project("foo", min_serial=4)
    set_task_queue(None)
    for task in tasks:
        task()
    assert index.asked == [DOCUMENT_URL]


@pytest.mark.parametrize("etag", [None, '"validator"'])
def test_attestations_come_from_the_page(etag: str | None) -> None:
    listed = {**FILE, "hashes": FILE["digests"], "provenance": f"{ROOT}/p"}
    index = BusyIndex(document=document(), page={**PAGE, "files": [listed], "_": 1})
    with index.in_worker():
        source = open_pypi(index, is_pypi=True, asks_provenance=True)
        fetched = source.fetch_project("foo", etag).project
    assert fetched is not None
    assert [file.provenance for file in fetched.files] == [f"{ROOT}/p"]
    assert (fetched.status, fetched.silent_on_provenance) == ("archived", False)
    assert sorted(index.asked) == [DOCUMENT_URL, PAGE_URL]


def test_a_page_that_is_older_than_the_document_proves_nothing() -> None:
    page = {**PAGE, "meta": {"api-version": "1.4", "_last-serial": 2}}
    index = BusyIndex(document=document(), page=page)
    source = open_pypi(index, asks_provenance=True)
    with pytest.raises(StalePage):
        source.fetch_project("foo")


def test_a_server_without_pages_says_nothing_about_attestations() -> None:
    index = BusyIndex(document=document())
    source = open_pypi(index, asks_provenance=True)
    for _ in range(2):
        fetched = source.fetch_project("foo").project
        assert fetched is not None
        assert fetched.silent_on_provenance
    assert index.asked.count(PAGE_URL) == 1


def open_pypi(index: Index, *, is_pypi: bool = False, asks_provenance: bool = False) -> PyPISource:
    settings = SourceSettings(
        "json",
        f"{ROOT}/simple/",
        f"{ROOT}/pypi",
        asks_status=True,
        asks_provenance=asks_provenance,
        is_pypi=is_pypi,
    )
    return PyPISource(index, settings)  # type: ignore[arg-type]
