"""The closure on small indexes that lie beside as data: index, goal, environments -> answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from microrepo.selection.closure.proof import sdist_only
from microrepo.selection.environments.presets import environment_from_preset
from microrepo.selection.resolver.facts import Needs
from microrepo.selection.resolver.goal_records import Goal, ResolveOptions
from microrepo.selection.resolver.resolution_records import GoalFailure, Resolution
from microrepo.selection.resolver.solver import resolve
from tests.support.closure_world import World, close, versions
from tests.support.closure_world import goal as make_goal

CASES = json.loads((Path(__file__).parents[3] / "cases" / "closure_solve.json").read_text())


def _runs() -> list[Any]:
    return list(_each_run())


def _each_run() -> Iterator[Any]:
    for case in CASES:
        for environment in (*case.get("expect", {}), *case.get("fails", {})):
            yield pytest.param(case, environment, id=f"{case['name']} [{environment}]")


def _goal(case: dict[str, Any]) -> Goal:
    return make_goal(
        "+".join(case["goal"]), tuple(case["goal"]), tuple(case.get("constraints", ()))
    )


def _check(
    case: dict[str, Any], environment: str, answer: Resolution | Needs | GoalFailure
) -> None:
    if environment in case.get("expect", {}):
        assert isinstance(answer, Resolution), answer
        assert versions(answer) == case["expect"][environment]
        forced = [found.project for found in sdist_only([answer])]
        assert forced == case.get("sdist_only", {}).get(environment, [])
        return
    assert isinstance(answer, GoalFailure), answer
    text = "\n".join(answer.reasons)
    for fragment in case["fails"][environment]:
        assert fragment in text, text
    assert set(answer.rules) == set(case.get("rules", ()))


@pytest.mark.parametrize(("case", "environment"), _runs())
def test_answer_with_all_facts_at_hand(case, environment):
    """Given the whole index, `resolve` answers at once."""
    target = environment_from_preset(environment, environment)
    options = ResolveOptions(**case.get("options", {}))
    answer = resolve(_goal(case), target, World(case["index"]).facts(), options)
    _check(case, environment, answer)


@pytest.mark.parametrize(("case", "environment"), _runs())
def test_answer_when_facts_come_as_they_are_asked_for(case, environment):
    """Knowing nothing at first, the closure asks its way to the same answer."""
    target = environment_from_preset(environment, environment)
    options = ResolveOptions(**case.get("options", {}))
    closure = close(World(case["index"]), [_goal(case)], [target], options)
    answers: list[Resolution | GoalFailure] = [*closure.resolutions, *closure.failures]
    assert len(answers) == 1
    _check(case, environment, answers[0])


def test_backtracking_over_many_versions_takes_few_rounds():
    """Each round doubles the number of candidates that are asked for."""
    index: dict[str, Any] = {
        "a": {f"1.{minor}": ["c==1" if minor == 0 else "c==2"] for minor in range(60)},
        "b": {"1.0": ["c==1"]},
        "c": {"1": [], "2": []},
    }
    environment = environment_from_preset("cp312-win_amd64", "cp312-win_amd64")
    closure = close(World(index), [make_goal("group", ("a", "b"))], [environment])
    (answer,) = closure.resolutions
    assert versions(answer)["a"] == "1.0"
    assert closure.rounds <= 12


def test_every_document_and_every_metadata_file_is_asked_for_once():
    """Goals and environments share what they need; nothing is asked for twice."""
    index = {f"p{n}": {"1.0": [f"p{n + 1}"], "2.0": [f"p{n + 1}>=1"]} for n in range(8)}
    index["p8"] = {"1.0": []}
    names = ("cp312-win_amd64", "cp310-manylinux_2_28_x86_64", "cp313-macosx_14_0_arm64")
    asked = []

    class Counting(World):
        def answer(self, needs, facts):
            asked.extend([*needs.projects, *needs.metadata])
            super().answer(needs, facts)

    goals = [make_goal(name, (name,)) for name in index]
    closure = close(Counting(index), goals, [environment_from_preset(name, name) for name in names])
    assert len(closure.resolutions) == len(goals) * len(names)
    assert len(asked) == len(set(asked))
    assert all(isinstance(answer, Resolution) for answer in closure.resolutions)
    assert closure.rounds <= 2 * len(index)
