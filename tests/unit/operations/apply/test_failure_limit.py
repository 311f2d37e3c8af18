"""Turns of projects in a transfer, and the limit on failures in a row."""

from __future__ import annotations

from microrepo.model import Action, ActionKind, Cause, File
from microrepo.operations.apply.failure_limit import MOST_FAILURES, FailureLimit, in_turns


def action(project: str, number: int, size: int) -> Action:
    name = f"{project}-{number}.tar.gz"
    file = File(name, f"https://files.example/{name}", str(number), "sdist")
    return Action(ActionKind.DOWNLOAD, name, project, Cause.SELECTED, file, size_bytes=size)


def test_projects_take_turns_and_the_largest_go_first() -> None:
    many = [action("many", number, 1000 + number) for number in range(250)]
    few = [action("few", number, number) for number in range(3)]
    ordered = in_turns([*few, *many], "run")
    assert {one.filename for one in ordered} == {one.filename for one in [*few, *many]}
    assert [one.project for one in ordered] == ["many"] * 100 + ["few"] * 3 + ["many"] * 150
    assert [one.size_bytes for one in ordered[:100]] == list(range(1249, 1149, -1))


def test_projects_with_too_many_files_begin_elsewhere_in_each_run() -> None:
    many = [action("many", number, number) for number in range(MOST_FAILURES * 10)]
    firsts = {in_turns(many, f"run {number}")[0].filename for number in range(5)}
    assert len(firsts) > 1
    few = many[:MOST_FAILURES]
    assert in_turns(few, "one") == in_turns(few, "other")


def test_only_failures_in_a_row_count() -> None:
    limit = FailureLimit()
    reached = [limit.failed("foo") for _ in range(MOST_FAILURES + 1)]
    assert reached.index(True) == MOST_FAILURES - 1
    assert sum(reached) == 1
    other = FailureLimit()
    for _ in range(3):
        assert not any(other.failed("foo") for _ in range(MOST_FAILURES - 1))
        other.succeeded("foo")
    assert not other.failed("bar")
