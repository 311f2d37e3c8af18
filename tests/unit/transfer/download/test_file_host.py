"""Another host for the files: who is asked, in which order, and what is made of the answers."""

from __future__ import annotations

import pytest

from microrepo.model import Digests, Outcome
from microrepo.transfer.download.file_host import FileHost
from microrepo.transfer.tasks import FetchFile, FetchMetadata, MetadataOutcome

SOURCE, HOST = "https://files.example/a/b/foo.whl?x=1", "https://near.example/m/a/b/foo.whl?x=1"
TASK = FetchFile("foo.whl", SOURCE, Digests(sha256="a" * 64))
ROOT = "https://near.example/m/"


class Asked:
    """Answers requests and remembers their URLs; `refusing` are URLs that fail."""

    def __init__(self, *refusing: str) -> None:
        self.urls: list[str] = []
        self.refusing = refusing

    def fetch(self, task: FetchFile) -> Outcome:
        self.urls.append(task.url)
        error = "404" if task.url in self.refusing else ""
        return Outcome(task.filename, ok=not error, error=error, fetched_bytes=5)

    def find(self, task: FetchMetadata) -> MetadataOutcome:
        self.urls.append(task.url)
        error = "404" if task.url in self.refusing else ""
        return MetadataOutcome(task.filename, error=error, fetched_bytes=3)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (SOURCE, HOST),
        ("http://files.example/foo", "https://near.example/m/foo"),
        ("file:///srv/foo", "file:///srv/foo"),
    ],
)
def test_the_path_stays(url: str, expected: str) -> None:
    assert FileHost(ROOT, fallback=True).url_for(url) == expected


@pytest.mark.parametrize(
    ("refusing", "fallback", "urls", "ok"),
    [
        pytest.param((), True, [HOST], True, id="the host has it"),
        pytest.param((HOST,), True, [HOST, SOURCE], True, id="the source has it"),
        pytest.param((HOST, SOURCE), True, [HOST, SOURCE], False, id="none has it"),
        pytest.param((HOST,), False, [HOST], False, id="no way back"),
    ],
)
def test_the_host_is_asked_first(
    refusing: tuple[str, ...], fallback: bool, urls: list[str], ok: bool
) -> None:
    asked = Asked(*refusing)
    outcome = FileHost(ROOT, fallback=fallback).fetch(TASK, asked.fetch)
    assert (asked.urls, outcome.ok) == (urls, ok)
    assert outcome.fetched_bytes == 5 * len(urls)
    assert outcome.note == ("404" if len(urls) > 1 else "")
    assert ("the file host" in outcome.error) == (len(urls) > 1 and not ok)


@pytest.mark.parametrize(("fallback", "url"), [(True, SOURCE), (False, HOST)])
def test_what_cannot_be_verified_comes_from_the_source(fallback: bool, url: str) -> None:
    asked = Asked()
    FileHost(ROOT, fallback=fallback).fetch(FetchFile("foo.whl", SOURCE, Digests()), asked.fetch)
    assert asked.urls == [url]


@pytest.mark.parametrize(
    ("has_metadata", "sha256", "here", "refusing", "urls"),
    [
        pytest.param(True, "a" * 64, False, (), [HOST], id="announced"),
        pytest.param(True, "a" * 64, False, (HOST,), [HOST, SOURCE], id="not there"),
        pytest.param(True, None, False, (), [SOURCE], id="without a digest"),
        pytest.param(False, None, False, (), [SOURCE], id="not announced"),
        pytest.param(True, "a" * 64, True, (), [SOURCE], id="of a file that is here"),
    ],
)
def test_metadata_is_found_where_it_can_be_verified(
    has_metadata: bool, sha256: str | None, here: bool, refusing: tuple[str, ...], urls: list[str]
) -> None:
    asked = Asked(*refusing)
    task = FetchMetadata(
        "foo.whl",
        SOURCE,
        Digests(),
        has_metadata=has_metadata,
        metadata_sha256=sha256,
        here=here,
    )
    outcome = FileHost(ROOT, fallback=True).find(task, asked.find)
    assert (asked.urls, outcome.error) == (urls, "")
    assert outcome.fetched_bytes == 3 * len(urls)
