"""Answers of sources that several repositories share."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.model import Digests
from microrepo.repositories.protocol import SourceSettings
from microrepo.transfer.documents.shared_answers import SharedAnswers
from microrepo.transfer.tasks import FetchMetadata, FetchProject, MetadataOutcome, ProjectOutcome

SOURCES = (SourceSettings("json", "https://index.example/simple/"),)
DOCUMENT = ProjectOutcome("six", "changed", b"document", "etag-1")


class Source:
    """Answers, and counts how often it is asked."""

    def __init__(self, outcome: ProjectOutcome) -> None:
        self.outcome = outcome
        self.count = 0

    def __call__(self, task: FetchProject) -> ProjectOutcome:
        self.count += 1
        return self.outcome


def asked(path: Path | str, *tasks: FetchProject, outcome: ProjectOutcome = DOCUMENT):
    source = Source(outcome)
    answers = SharedAnswers(str(path), SOURCES)
    return [answers.project(task, source) for task in tasks], source.count


def test_a_project_is_requested_once(tmp_path: Path) -> None:
    outcomes, count = asked(tmp_path, FetchProject("six"), FetchProject("six"))
    assert outcomes == [DOCUMENT, DOCUMENT]
    assert count == 1
    assert asked(tmp_path, FetchProject("idna"))[1] == 1


def test_a_repository_that_has_the_document_learns_so(tmp_path: Path) -> None:
    asked(tmp_path, FetchProject("six"))
    (outcome,), count = asked(tmp_path, FetchProject("six", etag="etag-1"))
    assert (outcome.status, outcome.document, count) == ("unchanged", None, 0)
    (outcome,), _ = asked(tmp_path, FetchProject("six", etag="other"))
    assert outcome.document == b"document"


def test_not_modified_helps_only_those_with_the_same_document(tmp_path: Path) -> None:
    unchanged = ProjectOutcome("six", "unchanged", etag="etag-1")
    asked(tmp_path, FetchProject("six", etag="etag-1"), outcome=unchanged)
    assert asked(tmp_path, FetchProject("six", etag="etag-1"), outcome=unchanged)[1] == 0
    assert asked(tmp_path, FetchProject("six"))[1] == 1


def test_an_answer_older_than_the_list_is_not_used(tmp_path: Path) -> None:
    asked(tmp_path, FetchProject("six", min_serial=5))
    assert asked(tmp_path, FetchProject("six", min_serial=5))[1] == 0
    assert asked(tmp_path, FetchProject("six", min_serial=6))[1] == 1


@pytest.mark.parametrize(("status", "count"), [("failed", 2), ("missing", 1)])
def test_failures_are_tried_again(tmp_path: Path, status: str, count: int) -> None:
    outcome = ProjectOutcome("six", status)
    assert asked(tmp_path, FetchProject("six"), FetchProject("six"), outcome=outcome)[1] == count


def test_other_sources_are_asked_themselves(tmp_path: Path) -> None:
    asked(tmp_path, FetchProject("six"))
    other = SharedAnswers(str(tmp_path), (SourceSettings("json", "https://other.example/"),))
    source = Source(DOCUMENT)
    other.project(FetchProject("six"), source)
    assert source.count == 1


def test_a_damaged_answer_is_requested_again(tmp_path: Path) -> None:
    asked(tmp_path, FetchProject("six"))
    for path in tmp_path.iterdir():
        path.write_bytes(b"damaged")
    assert asked(tmp_path, FetchProject("six"))[1] == 1


def test_metadata_is_read_once(tmp_path: Path) -> None:
    task = FetchMetadata("six-1.whl", "https://files.example/six-1.whl", Digests(sha256="a" * 64))
    outcomes = [
        MetadataOutcome("six-1.whl", error="refused", transient=True),
        MetadataOutcome("six-1.whl", b"metadata", fetched_bytes=8),
    ]
    answers = SharedAnswers(str(tmp_path), SOURCES)
    found = [answers.metadata(task, lambda _: outcomes.pop(0)) for _ in range(3)]
    assert [one.metadata for one in found] == [None, b"metadata", b"metadata"]
    assert found[2].fetched_bytes == 0


@pytest.mark.parametrize("path", ["", "/dev/null/nothing"])
def test_without_a_directory_every_repository_asks(path: str) -> None:
    assert asked(path, FetchProject("six"), FetchProject("six"))[1] == 2
