"""Projects that several sources share: what is news, and what fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from microrepo.errors import ProjectNotFound, Unavailable
from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.repositories.protocol import Fetched
from microrepo.state import unpack
from microrepo.transfer.documents.merged_fetch import Part, fetch_merged, read_parts
from microrepo.transfer.tasks import FetchProject, ProjectOutcome

NAMES = ("pypi", "cpu", "cu128")
TORCH = NormalizedName("torch")


def file(version: str, digest: str = "a") -> File:
    name = f"torch-{version}-py3-none-any.whl"
    digests = Digests(sha256=digest * 64) if digest else Digests()
    return File(name, f"https://index.example/{name}", version, "bdist_wheel", digests)


def project(*files: File, **more: Any) -> Project:
    versions = tuple(dict.fromkeys(one.version for one in files))
    return Project(TORCH, "Torch", files=files, versions=versions, **more)


class Indexes:
    """Sources with one record each, and the questions that they were asked."""

    def __init__(self, **records: Fetched | Exception | None) -> None:
        self.records = records
        self.asked: list[tuple[str, str | None, int | None]] = []

    def __call__(self, number: int, etag: str | None, serial: int | None) -> Fetched:
        self.asked.append((NAMES[number], etag, serial))
        found = self.records[NAMES[number]]
        if isinstance(found, Exception):
            raise found
        if found is None:
            raise ProjectNotFound("torch", NAMES[number])
        return Fetched(None, etag) if etag is not None and etag == found.etag else found

    def fetch(self, etag: str | None = None) -> ProjectOutcome:
        task = FetchProject("torch", etag, sources=tuple(range(3)), is_merged=True)
        return fetch_merged(task, NAMES, self)


@pytest.fixture
def indexes() -> Indexes:
    return Indexes(
        pypi=Fetched(project(file("2.0"), serial=7), '"p"'),
        cpu=Fetched(project(file("2.0+cpu")), '"c"', "2026-05-01T00:00:00.000000Z"),
        cu128=Fetched(project(file("2.0+cu128"))),
    )


def test_the_first_record_has_all_files_with_their_sources(indexes: Indexes) -> None:
    outcome = indexes.fetch()
    assert (outcome.status, outcome.source) == ("changed", "pypi + cpu + cu128")
    merged = unpack(outcome.document or b"")
    assert [(one.version, one.source) for one in merged.files] == [
        ("2.0", "pypi"),
        ("2.0+cpu", "cpu"),
        ("2.0+cu128", "cu128"),
    ]
    assert (merged.serial, merged.versions) == (None, ("2.0", "2.0+cpu", "2.0+cu128"))
    assert indexes.asked == [(name, None, None) for name in NAMES]


def test_it_is_unchanged_if_every_source_is(indexes: Indexes) -> None:
    etag = indexes.fetch().etag
    indexes.asked.clear()
    assert indexes.fetch(etag) == ProjectOutcome(
        "torch", "unchanged", etag=etag, source="pypi + cpu + cu128"
    )
    # A source without validators is compared by its record.
    assert indexes.asked == [("pypi", '"p"', 7), ("cpu", '"c"', None), ("cu128", None, None)]


def news_of_one(records: dict[str, Any]) -> None:
    records["cpu"] = Fetched(project(file("2.1+cpu")), '"d"', "2026-05-02T00:00:00.000000Z")


def news_without_validators(records: dict[str, Any]) -> None:
    records["cu128"] = Fetched(project(file("2.1+cu128")))


def loss_of_one(records: dict[str, Any]) -> None:
    records["cpu"] = None


@pytest.mark.parametrize(
    ("change", "versions"),
    [
        (news_of_one, ["2.0", "2.1+cpu", "2.0+cu128"]),
        (news_without_validators, ["2.0", "2.0+cpu", "2.1+cu128"]),
        (loss_of_one, ["2.0", "2.0+cu128"]),
    ],
)
def test_news_of_one_source_make_a_whole_record(
    indexes: Indexes, change: Callable[[dict[str, Any]], None], versions: list[str]
) -> None:
    etag = indexes.fetch().etag
    change(indexes.records)
    outcome = indexes.fetch(etag)
    assert [one.version for one in unpack(outcome.document or b"").files] == versions
    assert outcome.etag != etag
    assert indexes.fetch(outcome.etag).status == "unchanged"


@pytest.mark.parametrize("down", NAMES)
@pytest.mark.parametrize("is_known", [False, True])
def test_one_failure_makes_the_project_fail(indexes: Indexes, down: str, *, is_known: bool) -> None:
    etag = indexes.fetch().etag if is_known else None
    news_of_one(indexes.records)
    indexes.records[down] = Unavailable("https://index.example/torch/", "answers HTTP 503")
    outcome = indexes.fetch(etag)
    assert (outcome.status, outcome.document, outcome.unreachable) == ("failed", None, True)
    assert outcome.error == f"{down}: https://index.example/torch/: answers HTTP 503"


@pytest.mark.parametrize(
    ("number", "older", "why"),
    [
        ("pypi", Fetched(project(file("1.0"), serial=6), '"o"'), "serial 6, the last one was 7"),
        (
            "cpu",
            Fetched(project(file("1.0+cpu")), '"o"', "2026-04-30T00:00:00.000000Z"),
            "from 2026-04-30T00:00:00.000000Z",
        ),
    ],
)
def test_an_older_answer_is_refused_until_it_is_accepted(
    indexes: Indexes, number: str, older: Fetched, why: str
) -> None:
    etag = indexes.fetch().etag
    indexes.records[number] = older
    outcome = indexes.fetch(etag)
    assert outcome.status == "failed"
    assert why in outcome.error
    assert "--force-check" in outcome.error
    assert indexes.fetch().status == "changed"  # as with --force-check


def test_it_is_missing_if_no_source_has_it() -> None:
    outcome = Indexes(pypi=None, cpu=None, cu128=None).fetch()
    assert (outcome.status, outcome.error) == ("missing", "not found at pypi + cpu + cu128")


def test_a_status_that_could_not_be_read_is_asked_for_again(indexes: Indexes) -> None:
    lacking = Fetched(project(file("2.0"), silent_on_status=True), None, lacks_status=True)
    indexes.records["pypi"] = lacking
    outcome = indexes.fetch()
    assert outcome.lacks_status
    assert unpack(outcome.document or b"").silent_on_status
    assert indexes.fetch(outcome.etag).status == "changed"


@pytest.mark.parametrize("etag", [None, '"abc"', "merged:", 'merged:{"a": 1}', "merged:[[]]"])
def test_other_validators_say_nothing(etag: str | None) -> None:
    assert read_parts(etag) == ()


def test_a_composed_validator_can_be_read(indexes: Indexes) -> None:
    parts = read_parts(indexes.fetch().etag)
    assert parts[:2] == (
        Part("pypi", True, '"p"', 7),
        Part("cpu", True, '"c"', None, "2026-05-01T00:00:00.000000Z"),
    )
