"""The closure at work: rounds, what is remembered of it, and the decisions that follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.model import Cause, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.closure.closure_decisions import deciding_by_closure
from microrepo.operations.closure.closure_records import RecordSources
from microrepo.operations.closure.resolution import (
    Resolved,
    concerned_records,
    earlier_needs,
    remember_resolution,
    resolve_goals,
)
from microrepo.operations.run.goals import read_requests
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.repositories.protocol import SourceSettings
from microrepo.selection.rules.policy import build_policy
from microrepo.state import ProjectRow, Requirer, pack
from microrepo.transfer.tasks import FetchMetadata, FetchProject
from tests.support.packages import build_wheel
from tests.support.upstream import NAME, Upstream
from tests.unit.operations.conftest import NOW, Workers

APP = build_wheel("app", "1.0", requires_dist=["base<2"])
BASE, BASE_2 = build_wheel("base", "1.0"), build_wheel("base", "2.0")


class Resolving:
    """The closure of requirements, from `upstream`."""

    def __init__(self, config: Config, holdings: Holdings, work: WorkContext) -> None:
        self.config, self.holdings, self.work = config, holdings, work

    def rules(self, *requested: str, **changes: Any) -> Rules:
        config = msgspec.structs.replace(self.config, **changes)
        policy = build_policy(config, parse_requirements(requested))
        return Rules(policy, policy.fingerprint())

    def __call__(self, *requested: str, **changes: Any) -> Resolved:
        config = msgspec.structs.replace(self.config, **changes)
        source = SourceSettings("json", f"https://{NAME}/", name=NAME)
        sources = Sources([source], lambda: pytest.fail("one source needs no list"))
        rules = self.rules(*requested, **changes)
        origins = RecordSources(self.holdings, sources, self.work, rules)
        return resolve_goals(config, origins, read_requests(requested, Path("/")).goals)


@pytest.fixture
def resolve(config: Config, holdings: Holdings, work: WorkContext, upstream: Upstream) -> Resolving:
    upstream.add(APP, BASE, BASE_2)
    return Resolving(config, holdings, work)


def failed(work: WorkContext) -> list[str]:
    return [failure.what for failure in work.report.failed]


def test_a_closure_leads_from_goals_to_files(resolve: Resolving, work: WorkContext) -> None:
    resolved = resolve("app")
    assert resolved.chosen() == {APP.filename: "app", BASE.filename: "base<2 of app==1.0"}
    assert (resolved.complete, resolved.gone, work.report.environments) == (True, (), ["linux"])
    assert set(resolved.requirers()) == {
        Requirer(APP.filename, "linux", "app", "", "app"),
        Requirer(BASE.filename, "linux", "base<2", "app==1.0", "app"),
    }


@pytest.mark.parametrize(
    ("requested", "gone", "reported"),
    [("base>3", (), ["base>3 for linux"]), ("nothing", ("nothing",), [])],
)
def test_a_goal_that_cannot_be_met(
    resolve: Resolving,
    work: WorkContext,
    requested: str,
    gone: tuple[str, ...],
    reported: list[str],
) -> None:
    """A project that there is not is reported as missing, by the refresh."""
    resolved = resolve("app", requested)
    assert (resolved.complete, resolved.gone, failed(work)) == (False, gone, reported)
    assert set(resolved.chosen()) == {APP.filename, BASE.filename}


def test_what_a_mode_leaves_open_is_reported(
    resolve: Resolving, work: WorkContext, upstream: Upstream
) -> None:
    del upstream.projects["base"]
    assert resolve("app", resolve="latest").complete
    assert failed(work) == ["base<2 of app==1.0"]


def remember(resolve: Resolving, upstream: Upstream, resolved: Resolved) -> None:
    """Keep what a refresh keeps."""
    with resolve.holdings.state.transaction():
        resolve.holdings.state.save_documents(
            (name, pack(project)) for name, project in upstream.projects.items()
        )
    remember_resolution(resolve.holdings.state, resolved)


def test_an_unchanged_world_is_not_solved_again(
    resolve: Resolving, upstream: Upstream, workers: Workers, work: WorkContext
) -> None:
    first = resolve("app")
    remember(resolve, upstream, first)
    workers.tasks.clear()
    solved = work.report.solver_s
    second = resolve("app")
    assert work.report.solver_s == solved
    assert [type(task) for task in workers.tasks] == [FetchProject] * 2
    assert (second.resolutions, second.complete) == (first.resolutions, True)
    assert set(second.records) == set(first.records)


@pytest.mark.parametrize("change", ["a release", "a setting", "a goal"])
def test_a_changed_world_is_solved(
    resolve: Resolving, upstream: Upstream, workers: Workers, change: str
) -> None:
    remember(resolve, upstream, resolve("app"))
    settings = {"exclude": ["zzz"]} if change == "a setting" else {}
    if change == "a release":
        upstream.add(build_wheel("base", "1.5"))
    workers.tasks.clear()
    resolved = resolve("app", *(["base"] if change == "a goal" else []), **settings)
    assert resolved.inputs is not None
    tasks = [task for task in workers.tasks if isinstance(task, FetchProject)]
    assert len(tasks) == 2  # each project is asked for once all the same
    assert ("base-1.5-py3-none-any.whl" in resolved.chosen()) is (change == "a release")
    read = {task.filename for task in workers.tasks if isinstance(task, FetchMetadata)}
    assert APP.filename not in read


def test_an_incomplete_answer_is_not_remembered(
    resolve: Resolving, upstream: Upstream, holdings: Holdings
) -> None:
    remember(resolve, upstream, resolve("app", "nothing"))
    assert holdings.state.meta("resolution") is None


# --- what follows from it ----------------------------------------------------------------------------


def test_concerned_are_chosen_requested_and_held_projects(
    resolve: Resolving, upstream: Upstream, holdings: Holdings
) -> None:
    upstream.add(build_wheel("old", "1.0"), build_wheel("unused", "1.0"))
    resolved = resolve("app", "old", "unused")
    records = {**resolved.records}
    chosen = msgspec.structs.replace(resolved, resolutions=resolved.resolutions[:1])
    with holdings.state.transaction():
        holdings.state.save_projects([ProjectRow(NormalizedName("old"), "old")])
    found = concerned_records(holdings.state, resolve.rules("app"), chosen)
    assert set(records) == {"app", "base", "old", "unused"}
    assert [record.project.name for record in found] == ["app", "base", "old"]


@pytest.mark.parametrize(
    ("requested", "only_these", "kept"),
    [
        (("app",), False, set()),
        (("app",), True, {"other"}),
        (("app", "nothing"), False, {"nothing", "other"}),
    ],
)
def test_needs_of_earlier_runs(
    resolve: Resolving,
    holdings: Holdings,
    requested: tuple[str, ...],
    only_these: bool,
    kept: set[str],
) -> None:
    rows = [
        Requirer(f"{goal}.whl", "linux", goal, "", goal) for goal in ("app", "other", "nothing")
    ]
    rows = [row for row in rows if row.goal in {*requested, "other"}]
    with holdings.state.transaction():
        holdings.state.save_requirers(rows, replace=True)
    goals = read_requests(requested, Path("/")).goals
    found = earlier_needs(holdings.state, resolve(*requested), goals, only_these=only_these)
    assert {row.goal for row in found} == kept


def decided(
    resolve: Resolving,
    upstream: Upstream,
    name: str,
    kept: dict[str, str] | None = None,
    **how: Any,
) -> dict[str, tuple[bool, Cause]]:
    rules, resolved = resolve.rules("app", **how), resolve("app", **how)
    decide = deciding_by_closure(
        rules.policy, resolved.chosen(), kept or {}, resolved.environments, NOW
    )
    decisions = decide(upstream.projects[name])
    return {one.file.filename: (one.keep, one.cause) for one in decisions}


def test_a_closure_decides_on_files(resolve: Resolving, upstream: Upstream) -> None:
    assert decided(resolve, upstream, "base") == {
        BASE.filename: (True, Cause.REQUIRED),
        BASE_2.filename: (False, Cause.NOT_IN_CLOSURE),
    }


def test_what_is_kept_for_an_unmet_goal_stays_whatever_the_rules_say(
    resolve: Resolving, upstream: Upstream
) -> None:
    found = decided(resolve, upstream, "base", {BASE_2.filename: "old goal"}, exclude=["base==2.0"])
    assert found[BASE_2.filename] == (True, Cause.REQUIRED)


def test_more_releases_of_requested_projects(resolve: Resolving, upstream: Upstream) -> None:
    older = build_wheel("app", "0.9")
    windows = build_wheel("app", "0.8", platform_tag="win_amd64")
    upstream.add(older, windows)
    found = decided(resolve, upstream, "app", versions="all")
    assert found[older.filename] == (True, Cause.SELECTED)
    assert not found[windows.filename][0]
