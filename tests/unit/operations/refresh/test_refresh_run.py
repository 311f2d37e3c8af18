"""One refresh: what comes, what goes only once its replacement is there, and what stays."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microrepo.errors import Cancelled
from microrepo.model import Cause, NormalizedName, Outcome
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.refresh.upstream.change_detection import Changes, Visit
from microrepo.state import Requirer
from microrepo.transfer.tasks import FetchFile
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.upstream import Upstream
from tests.unit.operations.conftest import MakeRun

OLD, NEW = build_wheel("foo", "1.0"), build_wheel("foo", "2.0", payload_size=2000)
OTHER = build_wheel("bar", "1.0")


def held(holdings: Holdings) -> set[str]:
    """Return the files that lie in the repository; those that it records must be the same."""
    names = {name for name in holdings.directory.scan() if name.endswith(".whl")}
    assert names == {row.filename for row in holdings.state.files() if row.present}
    return names


def listed(holdings: Holdings, name: str) -> str:
    """Return the page of a project, "" without one."""
    page = holdings.directory.place(f"simple/{name}/index.html")
    return page.read_text() if page.exists() else ""


def names(*built: BuiltFile) -> set[str]:
    return {one.filename for one in built}


def visit_all(upstream: Upstream, **more: Any) -> Changes:
    visits = tuple(Visit(NormalizedName(name), ask=True) for name in sorted(upstream.projects))
    return Changes(visits, **more)


def test_files_come_with_their_pages(
    refresh: MakeRun, upstream: Upstream, holdings: Holdings, work: WorkContext
) -> None:
    upstream.add(OLD, NEW, OTHER)
    refresh()
    assert held(holdings) == names(NEW, OTHER)
    assert holdings.directory.file(NEW.filename).read_bytes() == NEW.content
    assert NEW.filename in listed(holdings, "foo")
    assert (work.report.downloaded, work.report.exit_code()) == (2, 0)


def test_the_old_release_goes_once_the_new_one_is_there(
    refresh: MakeRun, upstream: Upstream, holdings: Holdings, work: WorkContext
) -> None:
    upstream.add(OLD)
    refresh()
    upstream.add(NEW)
    refresh()
    assert held(holdings) == names(NEW)
    assert OLD.filename not in listed(holdings, "foo")
    assert work.report.deleted == 1
    assert holdings.state.projects(["foo"])["foo"].complete


def test_the_old_release_stays_if_the_new_one_cannot_be_had(
    refresh: MakeRun, upstream: Upstream, holdings: Holdings, work: WorkContext, workers: Any
) -> None:
    upstream.add(OLD)
    refresh()
    upstream.add(NEW)
    workers.answer = lambda task: (
        Outcome(task.filename, ok=False, error="gone")
        if isinstance(task, FetchFile)
        else upstream.answer(task)
    )
    refresh()
    assert held(holdings) == names(OLD)
    assert OLD.filename in listed(holdings, "foo")
    assert [failure.what for failure in work.report.failed] == [NEW.filename]
    assert not holdings.state.projects(["foo"])["foo"].complete


def test_a_refused_plan_deletes_nothing(
    refresh: MakeRun, upstream: Upstream, holdings: Holdings, work: WorkContext
) -> None:
    upstream.add(*(build_wheel(f"p{number}", "1.0") for number in range(10)))
    refresh()
    before = held(holdings)
    refresh(exclude=["p*"], max_deletes=9)
    assert held(holdings) == before
    assert work.report.refused_deletes == 10
    assert work.report.refused
    assert "p1-1.0" in listed(holdings, "p1")


def test_a_dry_run_only_plans(
    make_run: MakeRun, refresh: MakeRun, upstream: Upstream, holdings: Holdings, work: WorkContext
) -> None:
    upstream.add(OLD, OTHER)
    refresh()
    upstream.add(NEW)
    work.report.dry_run = True
    run = make_run()
    run.carry_out(visit_all(upstream, gone=(NormalizedName("bar"),)))
    assert held(holdings) == names(OLD, OTHER)
    plan = [(action.kind.value, action.filename) for action in work.report.plan]
    assert plan[0] == ("download", NEW.filename)
    assert set(plan[1:]) == {("delete", OLD.filename), ("delete", OTHER.filename)}


@pytest.mark.parametrize(
    ("settings", "stays"), [({}, False), ({"removed": "keep"}, True), ({"prune": False}, False)]
)
def test_a_project_that_upstream_removed(
    settings: dict[str, Any], stays: bool,
    make_run: MakeRun, refresh: MakeRun, upstream: Upstream, holdings: Holdings,
) -> None:  # fmt: skip
    upstream.add(NEW, OTHER)
    refresh()
    make_run(**settings).carry_out(Changes((), gone=(NormalizedName("bar"),)))
    assert held(holdings) == names(NEW, OTHER) if stays else names(NEW)
    causes = [row.cause for row in holdings.state.history("bar") if row.action == "delete"]
    assert causes == [] if stays else [Cause.REMOVED]


@pytest.mark.parametrize("prune", [False, True])
def test_projects_that_nobody_asks_for_any_more(
    prune: bool, make_run: MakeRun, refresh: MakeRun, upstream: Upstream, holdings: Holdings
) -> None:
    third = build_wheel("third", "1.0")
    upstream.add(NEW, OTHER, third)
    refresh()
    run = make_run(prune=prune, exclude=["third"])
    run.carry_out(Changes((), unrequested=(NormalizedName("bar"), NormalizedName("third"))))
    assert held(holdings) == (names(NEW) if prune else names(NEW, OTHER, third))
    causes = {row.project: row.cause for row in holdings.state.history() if row.action == "delete"}
    wanted = {"bar": Cause.UNREQUESTED, "third": Cause.LEFT_OUT}
    assert causes == (wanted if prune else {})


def test_a_requested_project_that_is_gone_keeps_its_files(
    refresh: MakeRun, upstream: Upstream, holdings: Holdings, work: WorkContext
) -> None:
    upstream.add(NEW, OTHER)
    refresh("foo", "bar")
    del upstream.projects["bar"]
    refresh("foo", "bar")
    assert held(holdings) == names(NEW, OTHER)
    assert work.report.missing == ["bar"]


def test_a_requested_project_of_which_nothing_is_selected_keeps_its_files(
    refresh: MakeRun, upstream: Upstream, holdings: Holdings, work: WorkContext
) -> None:
    upstream.add(NEW)
    refresh("foo")
    refresh("foo", package_types=["sdist"])
    assert held(holdings) == names(NEW)
    assert [failure.what for failure in work.report.failed] == ["foo"]


def test_what_is_kept_for_an_unmet_goal_stays(
    make_run: MakeRun, refresh: MakeRun, upstream: Upstream, holdings: Holdings
) -> None:
    upstream.add(OLD, OTHER)
    refresh()
    upstream.add(NEW)
    run = make_run()
    run.keep(names(OLD, OTHER))
    run.carry_out(visit_all(upstream, unrequested=(NormalizedName("bar"),)))
    assert held(holdings) == names(OLD, NEW, OTHER)


@pytest.mark.parametrize("only_these", [False, True])
def test_requirers_of_a_closure_are_forgotten_unless_others_stay(
    only_these: bool, refresh: MakeRun, upstream: Upstream, holdings: Holdings
) -> None:
    upstream.add(NEW)
    with holdings.state.transaction():
        holdings.state.save_requirers([Requirer("x.whl", "here", "x", goal="x")], replace=True)
    refresh("foo", only_these=only_these)
    assert bool(list(holdings.state.all_requirers())) is only_these


def test_a_name_that_a_batch_under_way_takes_is_waited_for(
    make_run: MakeRun, upstream: Upstream, holdings: Holdings, work: WorkContext
) -> None:
    mine = build_sdist("foo", "2-1")
    upstream.add(mine, build_sdist("foo-2", "1"))
    (file,) = upstream.projects["foo-2"].files
    upstream.change("foo-2", files=(msgspec.structs.replace(file, filename=mine.filename),))
    nothing = tuple(Visit(NormalizedName(f"n{number:03}"), ask=True) for number in range(299))
    first, last = (Visit(NormalizedName(name), ask=True) for name in ("foo", "foo-2"))
    make_run().carry_out(Changes((first, *nothing, last)))
    assert holdings.directory.file(mine.filename).read_bytes() == mine.content
    assert [failure.what for failure in work.report.conflicts] == [mine.filename]
    assert {row.project for row in holdings.state.files()} == {"foo"}


def test_what_arrived_is_recorded_when_the_run_is_stopped(
    make_run: MakeRun, upstream: Upstream, holdings: Holdings, work: WorkContext
) -> None:
    upstream.add(NEW)
    nothing = tuple(Visit(NormalizedName(f"n{number:03}"), ask=True) for number in range(300))

    def check() -> None:
        if holdings.directory.file(NEW.filename).exists():
            raise Cancelled("stopped")

    stoppable = msgspec.structs.replace(work, check=check)
    with pytest.raises(Cancelled):
        make_run(work=stoppable).carry_out(
            Changes((Visit(NormalizedName("foo"), ask=True), *nothing))
        )
    assert held(holdings) == names(NEW)
