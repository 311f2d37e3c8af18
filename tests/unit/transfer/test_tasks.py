"""Tasks and outcomes travel between processes, and every task has an outcome when it is lost."""

from __future__ import annotations

import pickle
from typing import get_args

import pytest

from microrepo.model import Digests, File
from microrepo.transfer.pool.worker import lost
from microrepo.transfer.tasks import (
    FetchAdvisories,
    FetchFile,
    FetchMetadata,
    FetchProject,
    FetchProvenance,
    HashFile,
    HashUrl,
    ListHeld,
    PlaceFile,
    RedirectWheel,
    SendFile,
    Task,
    metadata_of,
)

NAME, URL = "foo-1.0-py3-none-any.whl", "https://f.example/foo"
FILE = File(
    NAME, URL, "1.0", "bdist_wheel", Digests("a" * 64), 9, core_metadata=True,
    core_metadata_sha256="b" * 64,
)  # fmt: skip
TASKS: list[Task] = [
    FetchProject("foo", '"e"', 7, (1, 0), 3),
    FetchAdvisories("foo", "1.0"),
    FetchProvenance(NAME, URL, "a" * 64),
    FetchFile(NAME, URL, FILE.digests, 9, 5, "b" * 64, "/template"),
    HashFile(NAME, ("md5",)),
    metadata_of(FILE),
    ListHeld("foo"),
    HashUrl(NAME, URL, held=True),
    SendFile(NAME, URL, FILE.digests),
    PlaceFile(NAME, "/a/path"),
    RedirectWheel(metadata_of(FILE)),
]


def test_all_kinds_of_tasks_are_tried() -> None:
    assert {type(task) for task in TASKS} == set(get_args(Task))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_a_task_travels_and_has_an_outcome_when_it_is_lost(task: Task) -> None:
    assert pickle.loads(pickle.dumps(task)) == task
    outcome = lost(task, "a reason")
    assert pickle.loads(pickle.dumps(outcome)) == outcome
    assert "a reason" in outcome.error


def test_what_an_index_says_of_metadata_is_asked_for() -> None:
    expected = FetchMetadata(NAME, URL, FILE.digests, 9, True, "b" * 64, here=True)
    assert metadata_of(FILE, here=True) == expected
    assert RedirectWheel(expected).filename == NAME
