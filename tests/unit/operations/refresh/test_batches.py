"""One batch: planned, guarded, transferred, committed; its deletions are left for the end."""

from __future__ import annotations

from typing import Any

import pytest

from microrepo.model import Cause, Decision, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.batches import ProjectBatches
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.state import ProjectRow
from tests.support.packages import BuiltFile, build_egg, build_wheel
from tests.support.upstream import Upstream, file_of
from tests.unit.operations.conftest import MakeRun

OLD, NEW = build_wheel("foo", "1.0"), build_wheel("foo", "2.0")


@pytest.fixture
def batches(make_run: MakeRun, upstream: Upstream) -> ProjectBatches:
    return make_run().batches


def looked(upstream: Upstream, *kept: BuiltFile, rejected: tuple[BuiltFile, ...] = ()) -> Looked:
    name = NormalizedName(kept[0].name)
    decisions = []
    for one in (*kept, *rejected):
        path = one.write_to(upstream.path)
        decisions.append(Decision(file_of(one, path.as_uri()), one in kept, Cause.SELECTED))
    project = Project(name, name, files=tuple(one.file for one in decisions))
    return Looked(Record(project, ProjectRow(name, name), None, None), tuple(decisions))


def test_files_arrive_and_the_superseded_one_is_left_for_the_end(
    batches: ProjectBatches, upstream: Upstream, holdings: Holdings
) -> None:
    first = batches.run([looked(upstream, OLD)])
    assert (first.deletions, set(first.changed)) == ((), {"foo"})
    assert holdings.state.projects(["foo"])["foo"].complete
    second = batches.run([looked(upstream, NEW, rejected=(OLD,))])
    (deletion,) = second.deletions
    assert (deletion.filename, deletion.replaced) == (OLD.filename, True)
    assert holdings.directory.file(OLD.filename).exists()
    assert holdings.directory.file(NEW.filename).exists()
    assert not holdings.state.projects(["foo"])["foo"].complete


def test_a_project_with_a_failed_file_loses_none(
    batches: ProjectBatches, upstream: Upstream, holdings: Holdings
) -> None:
    batches.run([looked(upstream, OLD)])
    wanted = looked(upstream, NEW, rejected=(OLD,))
    (upstream.path / NEW.filename).write_bytes(b"other content")
    result = batches.run([wanted])
    assert result.deletions == ()
    assert holdings.state.projects(["foo"])["foo"].failures == 1


def test_a_file_that_an_unmet_goal_needs_is_not_left_for_deletion(
    batches: ProjectBatches, upstream: Upstream
) -> None:
    batches.run([looked(upstream, OLD)])
    batches.needed.add(OLD.filename)
    assert batches.run([looked(upstream, NEW, rejected=(OLD,))]).deletions == ()


def test_a_dry_run_writes_nothing(
    batches: ProjectBatches, upstream: Upstream, holdings: Holdings, work: WorkContext
) -> None:
    work.report.dry_run = True
    batches.run([looked(upstream, NEW)])
    assert [action.filename for action in work.report.plan] == [NEW.filename]
    assert not holdings.directory.file(NEW.filename).exists()
    assert list(holdings.state.files()) == []


@pytest.mark.parametrize(
    ("settings", "refused"),
    [({"min_free_space": "1000000 TB"}, "min_free_space"), ({"max_total_size": "1"}, "max_total")],
)
def test_the_guard_on_space_stops_a_batch(
    make_run: MakeRun, upstream: Upstream, holdings: Holdings, work: WorkContext,
    settings: dict[str, Any], refused: str,
) -> None:  # fmt: skip
    make_run(**settings).batches.run([looked(upstream, NEW)])
    assert refused in work.report.refused
    assert not holdings.directory.file(NEW.filename).exists()


def test_without_prune_nothing_is_left_for_deletion(make_run: MakeRun, upstream: Upstream) -> None:
    batches = make_run(prune=False).batches
    batches.run([looked(upstream, OLD)])
    assert batches.run([looked(upstream, NEW, rejected=(OLD,))]).deletions == ()


@pytest.mark.parametrize("replace", [False, True])
def test_a_file_that_a_person_put_there(
    make_run: MakeRun, upstream: Upstream, holdings: Holdings, work: WorkContext, replace: bool
) -> None:
    holdings.directory.file(NEW.filename).write_bytes(b"mine")
    make_run(replace=replace).batches.run([looked(upstream, NEW)])
    content = holdings.directory.file(NEW.filename).read_bytes()
    assert content == (NEW.content if replace else b"mine")
    assert [one.what for one in work.report.conflicts] == ([] if replace else [NEW.filename])


def test_names_that_transfers_under_way_take_collide(
    batches: ProjectBatches, upstream: Upstream
) -> None:
    begun = batches.begin([looked(upstream, NEW)])
    assert batches.collide(begun, [looked(upstream, NEW)])
    assert not batches.collide(begun, [looked(upstream, OLD)])


def test_an_old_format_is_warned_of_once(
    batches: ProjectBatches, upstream: Upstream, work: WorkContext
) -> None:
    batches.run([looked(upstream, build_egg("foo", "1.0"))])
    batches.run([looked(upstream, build_egg("bar", "1.0"))])
    assert len([text for text in work.report.warnings if ".egg" in text]) == 1


def test_the_guard_counts_what_is_under_way(
    make_run: MakeRun, upstream: Upstream, work: WorkContext
) -> None:
    batches = make_run(max_total_size=str(NEW.size + 1)).batches
    batches.begin([looked(upstream, NEW)])
    assert not work.report.refused
    batches.begin([looked(upstream, build_wheel("bar", "1.0"))])
    assert "max_total_size" in work.report.refused
