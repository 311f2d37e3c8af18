"""Laws of the closure on random small indexes, judged by brute force and by real pip."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name

from microrepo.selection.closure.proof import prove
from microrepo.selection.environments.environment_block import environment_from_block
from microrepo.selection.environments.presets import environment_from_preset
from microrepo.selection.resolver.candidates import view_of
from microrepo.selection.resolver.facts import Facts
from microrepo.selection.resolver.goal_records import ResolveOptions
from microrepo.selection.resolver.resolution_records import Resolution
from microrepo.selection.resolver.solver import resolve, solve
from microrepo.standalone import describe_python
from tests.property.closure_strategies import (
    Index,
    has_solution,
    indexes,
    is_solution,
    roots,
    wanted_by,
)
from tests.support.closure_world import World, close, versions
from tests.support.closure_world import goal as make_goal
from tests.support.packages import build_wheel
from tests.support.programs import Completed

LINUX = environment_from_preset("linux", "cp312-manylinux_2_28_x86_64")
WINDOWS = environment_from_preset("windows", "cp311-win_amd64")
HERE = environment_from_block("here", describe_python.describe())
LAW = settings(max_examples=100, deadline=None)
RUNS_PIP = settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def _world(index: Index) -> World:
    """Return the index; projects that are only required are known not to exist."""
    world = World(index)
    for name in "abcde":
        world.projects.setdefault(canonicalize_name(name), None)
    return world


@LAW
@given(indexes(), roots())
def test_solved_exactly_when_there_is_a_solution(index, goal):
    """What is chosen satisfies everything; and nothing that can be solved is given up."""
    answer = resolve(make_goal("g", tuple(goal)), LINUX, _world(index).facts())
    if isinstance(answer, Resolution):
        assert is_solution(index, versions(answer), goal, LINUX.markers)
    assert isinstance(answer, Resolution) == has_solution(index, goal, LINUX.markers)


@LAW
@given(indexes(), roots())
def test_nothing_is_chosen_that_nobody_requires(index, goal):
    """A closure is the least: each release has somebody who asks for it."""
    answer = resolve(make_goal("g", tuple(goal)), LINUX, _world(index).facts())
    if isinstance(answer, Resolution):
        chosen = versions(answer)
        required = {found.name for found in wanted_by(index, chosen, goal, LINUX.markers)}
        assert set(chosen) == required
        assert all(pin.edges for pin in answer.pins)


@LAW
@given(indexes(), st.lists(roots(), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_the_order_of_inputs_never_matters(index, groups, random: Random):
    """Projects, releases, goals, environments and the arrival of facts may come in any order."""
    goals = [make_goal(f"g{number}", tuple(group)) for number, group in enumerate(groups)]
    expected = close(_world(index), goals, [LINUX, WINDOWS])
    shuffled = {
        name: dict(random.sample(list(releases.items()), len(releases)))
        for name, releases in random.sample(list(index.items()), len(index))
    }
    other = close(_world(shuffled), random.sample(goals, len(goals)), [WINDOWS, LINUX])
    assert set(other.resolutions) == set(expected.resolutions)
    assert set(other.failures) == set(expected.failures)
    whole = {
        resolve(goal, env, _world(index).facts()) for goal in goals for env in (LINUX, WINDOWS)
    }
    assert whole == {*expected.resolutions, *expected.failures}


@LAW
@given(indexes(), roots())
def test_agreeing_newest_matches_are_what_the_solver_finds(index, goal):
    """The way without a solver is a short cut, not another answer."""
    group = make_goal("g", tuple(goal))
    facts = _world(index).facts()
    assert resolve(group, LINUX, facts) == solve(view_of(facts, LINUX), group, ResolveOptions())


@LAW
@given(indexes(), roots())
def test_the_files_of_a_resolution_prove_closed(index, goal):
    """What was chosen is enough by itself, and less is not."""
    group = make_goal("g", tuple(goal))
    world = _world(index)
    answer = resolve(group, LINUX, world.facts())
    if not isinstance(answer, Resolution):
        assert not prove([group], [LINUX], world.facts()).closed
        return
    chosen = versions(answer)
    kept = _world({name: {version: index[name][version]} for name, version in chosen.items()})
    assert prove([group], [LINUX], Facts(kept.projects, kept.metadata)).closed
    for name in chosen:
        poorer = _world({n: {v: index[n][v]} for n, v in chosen.items() if n != name})
        assert not prove([group], [LINUX], poorer.facts()).closed


@LAW
@given(indexes(), roots())
def test_every_match_contains_the_solution(index, goal):
    """Mode `all` keeps whatever a solver could choose."""
    group = make_goal("g", tuple(goal))
    solved = resolve(group, LINUX, _world(index).facts())
    spread = resolve(group, LINUX, _world(index).facts(), ResolveOptions("all"))
    if isinstance(solved, Resolution):
        assert isinstance(spread, Resolution)
        assert {pin.key for pin in solved.pins} <= {pin.key for pin in spread.pins}


def _wheels(index: Index, chosen: Sequence[tuple[str, str]], directory: Path) -> None:
    for name, version in chosen:
        release = index[name][version]
        wheel = build_wheel(
            f"zz-{name}",
            version,
            requires_dist=[f"zz-{text}" for text in release["requires"]],
            extras=dict.fromkeys(release["extras"], ()),
        )
        wheel.write_to(directory)


def _pip(
    run: Callable[..., Completed], index: Index, chosen: Sequence[tuple[str, str]], goal: list[str]
) -> dict[str, str] | None:
    """Return what real pip would install from the chosen wheels; None when it refuses."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        _wheels(index, chosen, directory)
        report = directory / "report.json"
        done = run(
            *("install", "--dry-run", "--ignore-installed", "--no-index", "--quiet"),
            *("--find-links", directory, "--report", report),
            *[f"zz-{text}" for text in goal],
            check=False,
        )
        if done.returncode:
            return None
        installed = json.loads(report.read_text())["install"]
        return {
            item["metadata"]["name"].removeprefix("zz-"): item["metadata"]["version"]
            for item in installed
        }


@RUNS_PIP
@given(index=indexes(), goal=roots())
def test_pip_accepts_what_is_called_closed(offline_pip: Callable[..., Completed], index, goal):
    """From the chosen files alone pip installs exactly them; what has no solution it refuses."""
    answer = resolve(make_goal("g", tuple(goal)), HERE, _world(index).facts())
    if isinstance(answer, Resolution):
        chosen = versions(answer)
        assert _pip(offline_pip, index, list(chosen.items()), goal) == chosen
    else:
        everything = [(name, version) for name, found in index.items() for version in found]
        assert _pip(offline_pip, index, everything, goal) is None
