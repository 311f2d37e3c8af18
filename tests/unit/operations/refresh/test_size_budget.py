"""Which releases give way to `max_total_size`."""

from __future__ import annotations

import pytest

from microrepo.config.schema import Config
from microrepo.model import Cause, Decision, Digests, File, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.refresh.size_budget import Budget, evictions
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.operations.run.run_rules import Rules
from microrepo.publish.links import Links
from microrepo.selection.rules.policy import Policy, build_policy
from microrepo.state import FileRow, Owner, ProjectRow, Requirer

FOO = NormalizedName("foo")
OLD, NEW = "foo-1.zip", "foo-2.zip"


def policy(size: str | None) -> Policy:
    return build_policy(Config(max_total_size=size, over_budget="evict"), None)


def rules(size: str | None) -> Rules:
    return Rules(policy(size), "")


def looked(name: str = "foo", *versions: str) -> Looked:
    project = NormalizedName(name)
    files = tuple(
        File(f"{name}-{one}.zip", "u", one, "sdist", Digests("a" * 64), 10,
             upload_time=f"2026-01-0{one}T00:00:00.000000Z")
        for one in versions or ("1", "2")
    )  # fmt: skip
    record = Record(Project(project, name, files=files), ProjectRow(project, name), None, None)
    return Looked(record, tuple(Decision(file, True, Cause.SELECTED) for file in files))


def kept(found: list[Looked]) -> list[str]:
    return [item.file.filename for one in found for item in one.wanted()]


def held(holdings: Holdings, owner: Owner = Owner.SOURCE) -> None:
    with holdings.state.transaction():
        holdings.state.save_files(
            FileRow(name, FOO, name[4], "u", 10, Digests("a" * 64), True, int(name[4]), owner=owner)
            for name in (OLD, NEW)
        )


@pytest.mark.parametrize(
    ("size", "under_way", "expected"),
    [(None, 0, [OLD, NEW]), ("20", 0, [OLD, NEW]), ("19", 0, [NEW]), ("20", 1, [OLD, NEW])],
)
def test_the_older_release_gives_way(
    holdings: Holdings, work: WorkContext, size: str | None, under_way: int, expected: list[str]
) -> None:
    budget = Budget(holdings, work.report, rules(size))
    assert kept(list(budget.fit([looked()], under_way))) == expected
    assert work.report.rejected[Cause.EVICTED.value] == 2 - len(expected)
    assert budget.refusal() == ""


def test_files_of_earlier_runs_give_way_to_newer_ones(
    holdings: Holdings, work: WorkContext
) -> None:
    held(holdings)
    budget = Budget(holdings, work.report, rules("30"))
    assert kept(list(budget.fit([looked("bar", "3", "4")], 0))) == ["bar-3.zip", "bar-4.zip"]
    assert [action.filename for action in budget.deletions()] == [OLD]
    assert {action.cause for action in budget.deletions()} == {Cause.EVICTED}


def test_an_index_takes_no_room(holdings: Holdings, work: WorkContext) -> None:
    index = Holdings(holdings.state, holdings.directory, Links(files=False))
    assert kept(list(Budget(index, work.report, rules("1")).fit([looked()], 0))) == [OLD, NEW]


@pytest.mark.parametrize(
    ("size", "owner", "required", "leaving", "expected"),
    [
        (None, Owner.SOURCE, False, set(), []),
        ("20", Owner.SOURCE, False, set(), []),
        ("10", Owner.SOURCE, False, set(), [OLD]),
        ("10", Owner.SOURCE, False, {OLD}, []),
        ("10", Owner.SOURCE, True, set(), []),
        ("10", Owner.PERSON, False, set(), []),
    ],
)
def test_what_prune_evicts(
    holdings: Holdings,
    size: str | None,
    owner: Owner,
    required: bool,
    leaving: set[str],
    expected: list[str],
) -> None:
    held(holdings, owner)
    if required:
        with holdings.state.transaction():
            holdings.state.save_requirers([Requirer(OLD, "cp311", "foo", "", "foo")], replace=True)
    assert [one.filename for one in evictions(holdings.state, policy(size), leaving)] == expected
