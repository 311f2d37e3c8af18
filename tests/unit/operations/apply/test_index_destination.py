"""An index as a destination: one file proves the credentials, and pages that cannot be read."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

import pytest

from microrepo.errors import AccessDenied
from microrepo.model import Action, ActionKind, Cause, Digests, File, NormalizedName, Outcome
from microrepo.operations.apply.index_destination import IndexDestination
from microrepo.transfer.tasks import HeldOutcome, ListHeld, SendFile
from tests.unit.operations.conftest import Workers

FOO, BAR = NormalizedName("foo"), NormalizedName("bar")


class Way:
    """The way to an index, with passwords that somebody knows."""

    def __init__(self, workers: Workers, *passwords: str) -> None:
        self.is_proven = False
        self.passwords = list(passwords)
        self._workers = workers

    def pool(self) -> Executor:
        return self._workers

    def new_login(self) -> bool:
        return bool(self.passwords and self.passwords.pop())


def action(name: str, size: int) -> Action:
    file = File(f"{name}-1.zip", f"https://f.example/{name}", "1", "sdist", Digests("a" * 64), size)
    return Action(ActionKind.DOWNLOAD, file.filename, name, Cause.SELECTED, file, size_bytes=size)


CHOSEN = [action("large", 9), action("small", 1), action("middle", 5)]


def names(tasks: list[Any]) -> list[str]:
    return [task.filename for task in tasks]


def test_the_smallest_file_proves_the_credentials(workers: Workers) -> None:
    way = Way(workers)
    workers.answer = lambda task: Outcome(task.filename, True, status="uploaded")
    first, *rest = IndexDestination(way, "index").put(CHOSEN)
    assert isinstance(first, Outcome)
    assert (first.filename, way.is_proven) == ("small-1.zip", True)
    assert names(rest) == ["large-1.zip", "middle-1.zip"]
    assert rest[0] == SendFile("large-1.zip", "https://f.example/large", Digests("a" * 64), 9)


def test_proven_credentials_are_not_tried_again(workers: Workers) -> None:
    way = Way(workers)
    way.is_proven = True
    assert names(list(IndexDestination(way, "index").put(CHOSEN))) == names(CHOSEN)


def test_refused_credentials_end_it(workers: Workers) -> None:
    workers.answer = lambda task: Outcome(task.filename, False, status="denied", error="HTTP 403")
    (outcome,) = IndexDestination(Way(workers), "the index").put(CHOSEN)
    assert isinstance(outcome, Outcome)
    assert "the index" in outcome.error
    assert len(workers.tasks) == 1


def test_another_password_is_tried_once(workers: Workers) -> None:
    way = Way(workers, "new")
    workers.answer = lambda task: Outcome(
        task.filename, not way.passwords, status="denied" if way.passwords else "uploaded"
    )
    first, *rest = IndexDestination(way, "index").put(CHOSEN)
    assert isinstance(first, Outcome)
    assert (first.ok, len(rest), len(workers.tasks)) == (True, 2, 2)


def test_a_failure_of_another_kind_proves_them_too(workers: Workers) -> None:
    workers.answer = lambda task: Outcome(task.filename, False, status="failed")
    assert len(list(IndexDestination(Way(workers), "index").put(CHOSEN))) == 3


def test_what_an_index_lists(workers: Workers) -> None:
    listed = File("foo-1.zip", "u", "1", "sdist")
    workers.answer = lambda task: (
        HeldOutcome("foo", (listed,)) if task.project == "foo" else HeldOutcome("bar", error="503")
    )
    catalogue = IndexDestination(Way(workers), "index").catalogue([FOO, BAR])
    assert workers.tasks == [ListHeld("foo"), ListHeld("bar")]
    assert (catalogue.find("foo-1.zip"), catalogue.find("foo-2.zip")) == (listed, None)
    assert list(catalogue.unread) == [BAR]
    assert "503" in catalogue.unread[BAR]


def test_an_index_that_refuses_to_be_read(workers: Workers) -> None:
    workers.answer = lambda task: HeldOutcome(task.project, denied="HTTP 401", error="HTTP 401")
    catalogue = IndexDestination(Way(workers), "index").catalogue([FOO])
    with pytest.raises(AccessDenied):
        _ = catalogue.unread


def test_an_index_needs_no_room_here(workers: Workers) -> None:
    destination = IndexDestination(Way(workers), "index")
    assert destination.prepare(CHOSEN) == ""
    destination.record([])
