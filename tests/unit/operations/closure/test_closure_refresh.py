"""A refresh that follows dependencies: files, proof, what is remembered, and what must not go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from microrepo.model import Cause, Outcome
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.closure.closure_records import RecordSources
from microrepo.operations.closure.closure_refresh import follow
from microrepo.operations.closure.target_records import recorded_environments
from microrepo.operations.run.goals import read_requests
from microrepo.transfer.tasks import FetchFile
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.shelf import Shelf
from tests.support.upstream import Upstream
from tests.unit.operations.conftest import MakeRun, Workers

APP = build_wheel("app", "1.0", requires_dist=["base<2"])
BASE, BASE_2 = build_wheel("base", "1.0"), build_wheel("base", "2.0")
OTHER = build_wheel("other", "1.0")


class Following:
    """Carries out refreshes that follow dependencies."""

    def __init__(self, make_run: MakeRun, upstream: Upstream) -> None:
        self._make_run = make_run
        upstream.add(APP, BASE, BASE_2, OTHER)

    def __call__(self, *requested: str, **how: Any) -> None:
        names = [text for text in requested if not text.startswith("-")]
        run, goals = self._make_run(*names, **how), read_requests(requested, Path("/")).goals
        pages = run.pages
        origins = RecordSources(pages.holdings, run.sources, pages.work, run.rules)
        follow(goals, pages.config, origins, run, only_these=how.get("only_these", False))


@pytest.fixture
def refresh(make_run: MakeRun, upstream: Upstream) -> Following:
    return Following(make_run, upstream)


def held(holdings: Holdings) -> set[str]:
    names = {name for name in holdings.directory.scan() if name.endswith(".whl")}
    assert names == {row.filename for row in holdings.state.files() if row.present}
    return names


def names(*built: BuiltFile) -> set[str]:
    return {one.filename for one in built}


def failed(work: WorkContext) -> list[str]:
    return [failure.what for failure in work.report.failed]


def test_the_closure_of_a_goal_comes_with_pages(
    refresh: Following, holdings: Holdings, work: WorkContext, shelf: Shelf
) -> None:
    refresh("app")
    assert held(holdings) == names(APP, BASE)
    assert [file.filename for file in shelf.page("base").files] == [BASE.filename]
    assert {(row.filename, row.goal) for row in holdings.state.all_requirers()} == {
        (APP.filename, "app"),
        (BASE.filename, "app"),
    }
    assert [one.name for one in recorded_environments(holdings.state)] == ["linux"]
    assert holdings.state.meta("resolution") is not None
    assert work.report.exit_code() == 0


def test_what_no_goal_leads_to_goes(refresh: Following, holdings: Holdings) -> None:
    refresh("app", "other")
    refresh("other")
    assert held(holdings) == names(OTHER)
    causes = {row.cause for row in holdings.state.history() if row.action == "delete"}
    assert causes == {Cause.UNREQUESTED}


@pytest.mark.parametrize("how", [{"only_these": True}, {"prune": False}])
def test_other_goals_stay(
    refresh: Following, shelf: Shelf, holdings: Holdings, how: dict[str, Any]
) -> None:
    third = build_wheel("third", "1.0")
    shelf.hold(third)
    refresh("app", only_these=True)
    refresh("other", **how)
    assert held(holdings) == names(APP, BASE, OTHER, third)
    goals = {row.goal for row in holdings.state.all_requirers()}
    assert goals == ({"app", "other"} if "only_these" in how else {"other"})


def test_an_unmet_goal_keeps_what_it_needed_and_nothing_else_goes(
    refresh: Following, holdings: Holdings, work: WorkContext, upstream: Upstream
) -> None:
    refresh("app", "other")
    del upstream.projects["base"]
    refresh("app")
    assert held(holdings) == names(APP, BASE, OTHER)
    assert work.report.warnings
    assert work.report.exit_code() == 3


def test_a_goal_that_was_never_met_keeps_the_files_of_its_project(
    refresh: Following, shelf: Shelf, holdings: Holdings, upstream: Upstream
) -> None:
    """A repository without dependencies begins to follow them, and one of them cannot be had."""
    (file,) = upstream.projects["app"].files
    shelf.hold(APP, url=file.url)
    del upstream.projects["base"]
    refresh("app")
    assert held(holdings) == names(APP)


def test_a_dry_run_changes_nothing(
    refresh: Following, holdings: Holdings, work: WorkContext
) -> None:
    work.report.dry_run = True
    refresh("app")
    assert {action.filename for action in work.report.plan} == names(APP, BASE)
    assert (held(holdings), list(holdings.state.all_requirers())) == (set(), [])
    assert holdings.state.meta("resolution") is None


def test_a_chosen_file_that_does_not_arrive_is_no_proof(
    refresh: Following, holdings: Holdings, work: WorkContext, upstream: Upstream, workers: Workers
) -> None:
    workers.answer = lambda task: (
        Outcome(task.filename, ok=False, error="gone")
        if isinstance(task, FetchFile) and task.filename == BASE.filename
        else upstream.answer(task)
    )
    refresh("app")
    assert failed(work) == [BASE.filename, "app for linux"]
    assert held(holdings) == names(APP)


def test_a_refused_batch_ends_the_run(
    refresh: Following, holdings: Holdings, work: WorkContext
) -> None:
    refresh("app", min_free_space="1000000 TB")
    assert work.report.refused
    assert (held(holdings), list(holdings.state.all_requirers())) == (set(), [])


def test_locks_are_written_of_what_arrived(
    refresh: Following, work: WorkContext, tmp_path: Path
) -> None:
    refresh("app", lock=str(tmp_path / "locks"))
    (path,) = work.report.locks
    assert work.report.locks_changed == 1
    text = Path(path).read_text()
    assert APP.filename in text
    assert BASE.filename in text


def test_platforms_without_pure_wheels_are_warned_of(refresh: Following, work: WorkContext) -> None:
    refresh("app", platforms=["manylinux_2_28_x86_64"])
    assert any('"any"' in text for text in work.report.warnings)


def test_digests_that_a_source_does_not_announce_are_proven(
    refresh: Following, work: WorkContext, upstream: Upstream, tmp_path: Path
) -> None:
    for digest, missing in ((OTHER.md5, []), ("0" * 32, ["r.txt for linux"])):
        (tmp_path / "r.txt").write_text(f"other==1.0 --hash=md5:{digest}\n")
        work.report.failed.clear()
        refresh(f"-r {tmp_path / 'r.txt'}")
        assert failed(work) == missing


def test_the_requirements_of_a_wheel_for_others_are_followed_beside_those_of_an_sdist(
    refresh: Following, upstream: Upstream, holdings: Holdings
) -> None:
    sdist = build_sdist("old", "1.0")
    foreign = build_wheel("old", "1.0", platform_tag="win_amd64", requires_dist=["base"])
    upstream.add(sdist, foreign)
    refresh("old")
    there = {row.filename for row in holdings.state.files() if row.present}
    assert there == names(sdist, BASE_2)


def test_a_wheel_for_others_that_uv_cannot_use_is_reported(
    refresh: Following, upstream: Upstream, work: WorkContext, shelf: Shelf
) -> None:
    foreign = build_wheel("old", "1.0", platform_tag="win_amd64", requires_python=">=99")
    shelf.hold(foreign)
    upstream.add(build_sdist("old", "1.0"), foreign)
    refresh("old", prune=False)
    assert failed(work) == ["old for linux"]
