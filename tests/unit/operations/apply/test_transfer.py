"""The transfer loop: what it asks of a destination, what it records, when it stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from microrepo.errors import Cancelled
from microrepo.model import Action, ActionKind, Cause, File, NormalizedName, Outcome
from microrepo.operations.apply.destination import Catalogue
from microrepo.operations.apply.failure_limit import MOST_FAILURES
from microrepo.operations.apply.transfer import Transfer, carry
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.plan import file_of
from microrepo.reporting import SilentReporter
from microrepo.transfer.tasks import FileTask, SendFile

Answer = Callable[[str], Outcome]


class Desk(Executor):
    """An executor whose calls are answered at once, by a function of the file's name."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[str] = []

    def submit(self, _fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.asked.append(args[0].filename)
        future.set_result(self._answer(args[0].filename))
        return future


class Shelf:
    """A destination that has some files at once, and gives tasks for the others."""

    def __init__(self, at_once: Sequence[str] = (), refusal: str = "") -> None:
        self._at_once = at_once
        self._refusal = refusal
        self.recorded: list[str] = []

    def catalogue(self, projects: Sequence[NormalizedName]) -> Catalogue:
        raise NotImplementedError

    def prepare(self, chosen: Sequence[Action]) -> str:
        return self._refusal if chosen else ""

    def put(self, chosen: Sequence[Action]) -> Iterator[Outcome | FileTask]:
        for action in chosen:
            file = file_of(action)
            if action.filename in self._at_once:
                yield Outcome(action.filename, ok=True, size_bytes=action.size_bytes)
            else:
                yield SendFile(file.filename, file.url, file.digests)

    def record(self, arrived: Sequence[tuple[Action, Outcome]]) -> None:
        self.recorded += [outcome.filename for _, outcome in arrived]


def action(name: str, size: int = 1) -> Action:
    file = File(name, f"https://files.example/{name}", "1", "sdist")
    return Action(ActionKind.DOWNLOAD, name, name[0], Cause.SELECTED, file, size_bytes=size)


def sound(name: str) -> Outcome:
    return Outcome(name, ok=True, size_bytes=1)


def conduct(answer: Answer, check: Callable[[], None] = lambda: None) -> tuple[WorkContext, Desk]:
    desk = Desk(answer)
    report = ReportBuilder("copy", "here", "now")
    return WorkContext(lambda: desk, report, SilentReporter(), check), desk


def test_the_largest_goes_first_and_all_are_recorded() -> None:
    with_desk, desk = conduct(sound)
    shelf = Shelf(at_once=["b-1.zip"])
    failed = carry(
        [action("a-1.zip", 1), action("b-1.zip", 5), action("c-1.zip", 3)], shelf, with_desk
    )
    assert desk.asked == ["c-1.zip", "a-1.zip"]
    assert sorted(shelf.recorded) == ["a-1.zip", "b-1.zip", "c-1.zip"]
    assert (failed, with_desk.report.downloaded, with_desk.report.exit_code()) == (set(), 3, 0)


def test_a_failure_costs_its_project_only() -> None:
    def answer(name: str) -> Outcome:
        return sound(name) if name[0] == "a" else Outcome(name, ok=False, error=f"{name}: gone")

    with_desk, _ = conduct(answer)
    shelf = Shelf()
    assert carry([action("a-1.zip"), action("b-1.zip")], shelf, with_desk) == {"b"}
    assert shelf.recorded == ["a-1.zip"]
    assert with_desk.report.failed == [Failure("b-1.zip", "b-1.zip: gone")]
    assert with_desk.report.exit_code() == 3


def test_what_the_destination_cannot_take_is_not_begun() -> None:
    with_desk, desk = conduct(sound)
    carry([action("a-1.zip")], Shelf(refusal="no room"), with_desk)
    assert (desk.asked, with_desk.report.refused) == ([], "no room")


def test_refused_credentials_end_it() -> None:
    with_desk, _ = conduct(lambda name: Outcome(name, ok=False, error="HTTP 403", status="denied"))
    carry([action(f"{letter}-1.zip") for letter in "abcdefgh"], Shelf(), with_desk)
    assert with_desk.report.refused.endswith("-1.zip: HTTP 403")
    assert with_desk.report.exit_code() == 1


@pytest.mark.parametrize(
    ("status", "ok", "code", "already"), [("present", True, 0, 1), ("conflict", False, 3, 0)]
)
def test_what_an_index_says_is_counted(status: Any, ok: bool, code: int, already: int) -> None:
    with_desk, _ = conduct(lambda name: Outcome(name, ok=ok, error="other", status=status))
    carry([action("a-1.zip")], Shelf(), with_desk)
    report = with_desk.report
    assert (report.exit_code(), report.already, report.downloaded) == (code, already, 0)


def test_a_cancelled_transfer_records_what_has_arrived() -> None:
    calls = iter(range(10))

    def check() -> None:
        if next(calls) > 0:
            raise Cancelled("enough")

    with_desk, _ = conduct(sound, check)
    shelf = Shelf(at_once=["a-1.zip"])
    transfer = Transfer([action("a-1.zip")], shelf, with_desk)
    transfer.record_arrived()
    assert shelf.recorded == ["a-1.zip"]
    with pytest.raises(Cancelled):
        carry([action("a-1.zip"), action("b-1.zip")], shelf, with_desk)


class SlowDesk(Executor):
    """An executor whose calls wait in a queue until there are so many, then a few are answered."""

    def __init__(self, answer: Answer, calls: int) -> None:
        self._answer = answer
        self._missing = calls
        self._waiting: list[tuple[Future[Any], str]] = []

    def submit(self, _fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._missing -= 1
        self._waiting.append((future, args[0].filename))
        return future

    def answer_some(self) -> None:
        count = 50 if self._missing == 0 else 0
        now, self._waiting = self._waiting[:count], self._waiting[count:]
        for future, name in now:
            if future.set_running_or_notify_cancel():
                future.set_result(self._answer(name))


def test_a_project_whose_files_all_fail_is_given_up() -> None:
    desk = SlowDesk(
        lambda name: Outcome(name, ok=name[0] == "g", error="gone"), MOST_FAILURES * 3 + 200
    )
    report = ReportBuilder("copy", "here", "now")
    work = WorkContext(lambda: desk, report, SilentReporter(), desk.answer_some)
    chosen = [action(f"bad{number}", 2) for number in range(MOST_FAILURES * 3)]
    shelf = Shelf()
    failed = carry([*chosen, *(action(f"good{number}") for number in range(200))], shelf, work)
    assert failed == {"b"}
    assert len(shelf.recorded) == 200
    assert MOST_FAILURES < len(report.failed) < MOST_FAILURES + 200
    (summary,) = [failure for failure in report.failed if failure.what == "b"]
    assert "gave up on" in summary.why
