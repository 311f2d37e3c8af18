"""Records of projects from directories: which source is asked, and what failures become."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from microrepo.client import Client, ClientSettings
from microrepo.model import PROVENANCE_FACTS
from microrepo.repositories.protocol import SourceSettings
from microrepo.state import unpack
from microrepo.transfer.documents.project_fetch import ProjectFetcher
from microrepo.transfer.tasks import FetchAdvisories, FetchProject


@pytest.fixture
def fetcher(tmp_path: Path) -> Iterator[ProjectFetcher]:
    """Sources `one` and `two`, which have projects, and `gone`, which is not there."""
    for name, filenames in {"one": ["foo-1.0.tar.gz"], "two": ["bar-1.0.zip"]}.items():
        (tmp_path / name).mkdir()
        for filename in filenames:
            (tmp_path / name / filename).write_bytes(b"x")
    client = Client(ClientSettings())
    names = ("one", "two", "gone")
    yield ProjectFetcher(
        client,
        tuple(SourceSettings("directory", str(tmp_path / name), name=name) for name in names),
    )
    client.close()


@pytest.mark.parametrize(
    ("name", "sources", "status", "source"),
    [
        pytest.param("foo", (0,), "changed", "one", id="the only one"),
        pytest.param("bar", (0, 1), "changed", "two", id="the second"),
        pytest.param("bar", (0,), "missing", "one", id="not there"),
        pytest.param("bar", (0, 2), "failed", "gone", id="the second does not answer"),
        pytest.param("foo", (0, 2), "changed", "one", id="the second is not needed"),
        pytest.param("foo", (), "missing", "", id="nobody to ask"),
    ],
)
def test_the_first_source_that_has_a_project_answers(
    fetcher: ProjectFetcher, name: str, sources: tuple[int, ...], status: str, source: str
) -> None:
    outcome = fetcher.fetch_project(FetchProject(name, sources=sources))
    assert (outcome.status, outcome.source) == (status, source)
    assert outcome.unreachable == (status == "failed")
    if status == "changed":
        project = unpack(outcome.document or b"")
        assert (project.name, project.facts) == (name, PROVENANCE_FACTS)
        assert outcome.error == ""


def test_a_project_that_may_be_elsewhere_is_not_missing(fetcher: ProjectFetcher) -> None:
    why = "three may have it: no answer"
    outcome = fetcher.fetch_project(FetchProject("bar", sources=(0,), elsewhere=why))
    assert (outcome.status, outcome.error) == ("failed", why)
    found = fetcher.fetch_project(FetchProject("foo", sources=(0,), elsewhere=why))
    assert found.status == "changed"


def test_directories_are_merged_and_unchanged_by_content(fetcher: ProjectFetcher) -> None:
    task = FetchProject("foo", sources=(0, 1), is_merged=True)
    outcome = fetcher.fetch_project(task)
    project = unpack(outcome.document or b"")
    assert [(one.filename, one.source) for one in project.files] == [("foo-1.0.tar.gz", "one")]
    assert (outcome.source, project.facts) == ("one + two", PROVENANCE_FACTS)
    again = FetchProject("foo", outcome.etag, sources=(0, 1), is_merged=True)
    assert fetcher.fetch_project(again).status == "unchanged"
    lost = FetchProject("foo", outcome.etag, sources=(0, 2), is_merged=True)
    assert fetcher.fetch_project(lost).status == "failed"


def test_a_directory_tells_no_advisories(fetcher: ProjectFetcher) -> None:
    outcome = fetcher.fetch_advisories(FetchAdvisories("foo", "1.0", sources=(0, 1)))
    assert outcome.vulnerabilities == ()
    assert outcome.error
    assert not outcome.transient
