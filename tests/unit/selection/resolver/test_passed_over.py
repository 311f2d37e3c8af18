"""Newer releases that cannot be used, and goals' own options: what a run says and what it takes."""

from typing import Any

import msgspec
import pytest

from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.formats.requirements.requirement_set import FormatControl
from microrepo.model import Digests
from microrepo.selection.environments.presets import environment_from_preset
from microrepo.selection.resolver.facts import Candidates, UrlFile
from microrepo.selection.resolver.goal_records import Goal, ResolveOptions
from microrepo.selection.resolver.resolution_records import GoalFailure, Obstacle, Resolution
from microrepo.selection.resolver.solver import resolve
from tests.support.closure_world import World, goal, versions

LINUX = environment_from_preset("linux", "cp39-manylinux_2_28_x86_64")


def _resolved(index: dict[str, Any], wanted: Goal) -> Resolution:
    answer = resolve(wanted, LINUX, World(index).facts())
    assert isinstance(answer, Resolution), answer
    return answer


@pytest.mark.parametrize(
    ("newer", "obstacle"),
    [
        ({"python": ">=3.10"}, Obstacle.PYTHON),
        ({"python": ">=3.8,!=3.9.0,!=3.9.1"}, Obstacle.PATCH),
        ({"metadata_python": ">=3.10"}, Obstacle.PYTHON),
        ({"files": ["cp312-cp312-win_amd64"]}, Obstacle.FILES),
        ({"metadata_error": "not a zip archive"}, Obstacle.BROKEN),
        ({"requires": ["b (>=1.*)"]}, Obstacle.BROKEN),
    ],
)
def test_what_keeps_a_newer_release_away(newer, obstacle):
    """One line each, with the kind of reason."""
    answer = _resolved({"a": {"1": [], "2": newer}, "b": {"1": []}}, goal("a", ["a"]))
    (found,) = answer.passed_over
    assert (found.project, found.version, found.taken, found.obstacle) == ("a", "2", "1", obstacle)


@pytest.mark.parametrize(
    ("newer", "wanted"),
    [
        ({}, ["a<2"]),
        ({"python": ">=3.10"}, ["a<2"]),
        ({"yanked": True}, ["a"]),
        ({"rejected": "EXCLUDED"}, ["a"]),
    ],
)
def test_what_nobody_wants_is_not_passed_over(newer, wanted):
    """Requirements, yanked marks and rules keep it away by themselves."""
    assert _resolved({"a": {"1": [], "2": newer}}, goal("a", wanted)).passed_over == ()


def test_constraints_count():
    """What a constraint keeps away is not better."""
    index = {"a": {"1": [], "2": {"python": ">=3.10"}}}
    assert _resolved(index, goal("a", ["a"], ["a<2"])).passed_over == ()


INDEX: dict[str, Any] = {"a": {"1": ["b"], "2": {"files": ["sdist"]}}, "b": {"1": [], "2rc1": []}}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {"a": "2"}),
        ({"formats": FormatControl().with_option(":all:", binary=True)}, {"a": "1", "b": "1"}),
        ({"formats": FormatControl().with_option("A,c", binary=True)}, {"a": "1", "b": "1"}),
        ({"prefer_binary": True}, {"a": "1", "b": "1"}),
        ({"prefer_binary": True, "prereleases": True}, {"a": "1", "b": "2rc1"}),
    ],
)
def test_options_of_requirement_files(more, expected):
    """They hold for the goal and all that it needs."""
    assert versions(_resolved(INDEX, goal("f", ["a"], **more))) == expected


def test_no_binary_leaves_what_has_only_wheels_without_a_match():
    """And the reason names the option."""
    formats = FormatControl().with_option(":all:", binary=False)
    answer = resolve(goal("f", ["b"], formats=formats), LINUX, World(INDEX).facts())
    assert isinstance(answer, GoalFailure)
    assert "excluded by --no-binary" in "\n".join(answer.reasons)


def test_the_last_option_about_a_project_counts():
    """As in pip."""
    control = FormatControl().with_option(":all:", binary=True).with_option("a", binary=False)
    assert (control.admits("a", wheel=True), control.admits("b", wheel=False)) == (False, False)  # type: ignore[arg-type]
    control = control.with_option(":none:", binary=True)
    assert control.admits("b", wheel=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_wrong_digests_are_named(algorithm):
    """As the cause, not as a missing version."""
    world = World({"a": {"1": []}})
    candidates = world.projects["a"]  # type: ignore[index]
    assert candidates is not None
    (file,) = candidates.files
    file = msgspec.structs.replace(file, digests=Digests(**{algorithm: "0" * 64}))
    world.projects["a"] = Candidates((file,))  # type: ignore[index]
    (want,) = parse_requirements(["a"])
    want = msgspec.structs.replace(want, hashes=(f"{algorithm}:{'1' * 64}",))
    answer = resolve(Goal("f", (want,)), LINUX, world.facts())
    assert isinstance(answer, GoalFailure)
    assert "matches no --hash" in "\n".join(answer.reasons)


def test_a_constraint_leads_to_its_url():
    """For whoever requires the project, and only then."""
    url = "https://files.example/b-7-py3-none-any.whl"
    world = World({"a": {"1": ["b"]}, "b": {"1": []}, "c": {"1": []}})
    facts = world.facts()
    file = msgspec.structs.replace(
        world.projects["b"].files[0],  # type: ignore[index,union-attr]
        filename="b-7-py3-none-any.whl",
        url=url,
        version="7",
    )
    stated = world.metadata["b-1-py3-none-any.whl"]
    assert not isinstance(stated, str)
    metadata = msgspec.structs.replace(stated, version="7")
    facts.add(urls={url: UrlFile(file, metadata)})
    options = ResolveOptions(allow_urls=True)
    answer = resolve(goal("f", ["a"], [f"b @ {url}"]), LINUX, facts, options)
    assert versions(answer) == {"a": "1", "b": "7"}
    assert versions(resolve(goal("f", ["c"], [f"b @ {url}"]), LINUX, facts, options)) == {"c": "1"}


def test_a_chain_of_extras_is_followed_in_a_moment():
    """Each of thousands leads to the next, in a wheel of some kilobytes."""
    count = 1500
    release = {
        "requires": ["a[e0]", *(f"a[e{n + 1}] ; extra == 'e{n}'" for n in range(count))],
        "extras": [f"e{n}" for n in range(count + 1)],
    }
    assert versions(_resolved({"a": {"1": release}}, goal("a", ["a"]))) == {"a": "1"}
