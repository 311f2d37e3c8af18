"""Questions about projects: to whom they go, and with what conditions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from microrepo.client import Client, ClientSettings
from microrepo.model import NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.upstream.change_detection import Visit
from microrepo.operations.refresh.upstream.project_questions import ProjectQuestions
from microrepo.operations.run.project_sources import Sources
from microrepo.repositories.protocol import SourceSettings
from microrepo.state import ProjectRow, pack
from microrepo.transfer.tasks import FetchProject, ProjectOutcome
from tests.unit.operations.conftest import Workers

FOO = NormalizedName("foo")
VISIT = Visit(FOO, ask=True, serial=9)


@pytest.fixture(autouse=True)
def answering(workers: Workers) -> None:
    workers.answer = lambda task: ProjectOutcome(task.name, "unchanged")


def questions(
    holdings: Holdings,
    work: WorkContext,
    *names: str,
    keeps_sources: bool = False,
    **first: Any,
) -> ProjectQuestions:
    """Return questions to sources; `first` has more settings of the first one."""
    settings = [SourceSettings("directory", f"/nowhere/{name}", name=name) for name in names]
    settings[0] = msgspec.structs.replace(settings[0], **first)
    sources = Sources(settings, lambda: Client(ClientSettings()))
    return ProjectQuestions(holdings.state, sources, work, keeps_sources=keeps_sources)


def remember(holdings: Holdings, **row: Any) -> None:
    with holdings.state.transaction():
        holdings.state.save_projects([ProjectRow(FOO, "Foo", **row)])


def test_only_what_has_to_be_asked_is_asked(
    holdings: Holdings, work: WorkContext, workers: Workers
) -> None:
    asked = questions(holdings, work, "one").ask([VISIT, Visit(NormalizedName("bar"), ask=False)])
    assert [visit for visit, _ in asked] == [VISIT]
    assert workers.tasks == [FetchProject("foo", None, 9, (0,), None)]


@pytest.mark.parametrize(
    ("source", "expected"), [("one", ('"e"', 7)), ("", ('"e"', 7)), ("another", (None, None))]
)
def test_what_is_known_of_the_same_source_is_a_condition(
    holdings: Holdings, work: WorkContext, workers: Workers, source: str, expected: tuple[Any, Any]
) -> None:
    remember(holdings, etag='"e"', serial=7, source=source)
    questions(holdings, work, "one").ask([VISIT])
    (task,) = workers.tasks
    assert (task.etag, task.known_serial) == expected


@pytest.mark.parametrize(
    ("source", "credulous", "expected"),
    [
        pytest.param("one + two", False, '"e"', id="known of both"),
        pytest.param("one", False, None, id="known of one"),
        pytest.param("", False, None, id="known of nobody"),
        pytest.param("one + two", True, None, id="older answers are accepted"),
    ],
)
def test_a_shared_project_is_asked_of_all_its_sources(
    holdings: Holdings, work: WorkContext, workers: Workers,
    source: str, expected: str | None, *, credulous: bool,
) -> None:  # fmt: skip
    remember(holdings, etag='"e"', serial=7, source=source)
    settings = [
        SourceSettings("directory", f"/nowhere/{name}", name=name, merged=merged)
        for name, merged in {"zero": (), "one": ("foo",), "two": ("f*",)}.items()
    ]
    sources = Sources(settings, lambda: Client(ClientSettings()))
    ProjectQuestions(holdings.state, sources, work, credulous=credulous).ask([VISIT])
    assert workers.tasks == [FetchProject("foo", expected, sources=(1, 2), is_merged=True)]


def test_nobody_is_asked_while_a_source_before_may_have_it(
    holdings: Holdings, work: WorkContext, workers: Workers, tmp_path: Path
) -> None:
    ((_, future),) = questions(holdings, work, "gone", "public").ask([VISIT])
    outcome = future.result()
    assert (outcome.status, workers.tasks) == ("failed", [])
    assert "gone" in outcome.error


@pytest.mark.parametrize(
    ("source", "keeps_sources", "asked"),
    [
        pytest.param("one", True, (0,), id="its source, not the one after it"),
        pytest.param("two", True, (0, 1), id="the one before its source, too"),
        pytest.param("one", False, (0, 1), id="any, if sources may change"),
        pytest.param("removed", True, (0, 1), id="its source is not in the settings"),
        pytest.param("", True, (0, 1), id="from one source, before there were several"),
    ],
)
def test_a_known_project_is_requested_from_its_source(
    holdings: Holdings, work: WorkContext, workers: Workers,
    source: str, keeps_sources: bool, asked: tuple[int, ...],
) -> None:  # fmt: skip
    remember(holdings, source=source)
    questions(holdings, work, "one", "two", keeps_sources=keeps_sources, by_page=True).ask([VISIT])
    (task,) = workers.tasks
    assert task.sources == asked


def test_a_reserved_project_may_come_from_another_source(
    holdings: Holdings, work: WorkContext, workers: Workers
) -> None:
    remember(holdings, source="two")
    questions(holdings, work, "one", "two", keeps_sources=True, packages=("foo",)).ask([VISIT])
    (task,) = workers.tasks
    assert task.sources == (0,)


def test_a_name_that_no_source_may_provide(
    holdings: Holdings, work: WorkContext, workers: Workers
) -> None:
    ((_, future),) = questions(holdings, work, "public", refused=("f*",)).ask([VISIT])
    outcome = future.result()
    assert (outcome.status, workers.tasks) == ("failed", [])
    assert outcome.error == (
        "not requested from public, by `reserved_names`; no other source lists it"
    )


@pytest.mark.parametrize(
    ("status", "facts", "asked"),
    [("unchanged", 0, True), (None, 0, True), ("unchanged", 1, False), ("changed", 0, False)],
)
def test_records_that_tell_too_little_are_asked_for_again(
    holdings: Holdings, work: WorkContext, workers: Workers,
    status: str | None, facts: int, asked: bool,
) -> None:  # fmt: skip
    remember(holdings, etag='"e"', serial=7, source="one")
    stored = {"foo": pack(Project(FOO, "Foo", facts=facts))}
    answers = {FOO: ProjectOutcome("foo", status)} if status else {}
    found = questions(holdings, work, "one").ask_for_facts([VISIT], 1, answers, stored)
    assert list(found) == ([FOO] if asked else [])
    assert [task.etag for task in workers.tasks] == [None] * asked
