"""Modes, builds, proofs, direct URLs and digests: what the case files have no words for."""

from typing import Any

import msgspec
import pytest

from microrepo.formats.distribution.core_metadata import CoreMetadata, from_metadata
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.model import Digests, File
from microrepo.selection.closure.proof import chains, prove, required_by
from microrepo.selection.environments.environment import Environment
from microrepo.selection.environments.presets import environment_from_preset
from microrepo.selection.resolver.facts import Candidates, Facts, MetadataNeed, Needs, UrlFile
from microrepo.selection.resolver.goal_records import Goal, Installer, ResolveOptions, bare_goals
from microrepo.selection.resolver.resolution_records import Edge, GoalFailure, Resolution
from microrepo.selection.resolver.solver import resolve
from tests.support.closure_world import World, close, versions
from tests.support.closure_world import goal as make_goal

WINDOWS = environment_from_preset("windows", "cp312-win_amd64")
LINUX = environment_from_preset("linux", "cp310-manylinux_2_28_x86_64")


def _resolved(answer: Resolution | Needs | GoalFailure) -> Resolution:
    assert isinstance(answer, Resolution), answer
    return answer


def _pinned(answer: Resolution | Needs | GoalFailure) -> set[str]:
    return {pin.key for pin in _resolved(answer).pins}


SPREAD: dict[str, Any] = {
    "app": {"1.0": ["lib<2", "tool"], "2.0": ["lib", "tool"]},
    "tool": {"1.0": ["lib<3"]},
    "lib": {"1.0": [], "2.0": ["gone"], "3.0": []},
    "gone": None,
}


def test_latest_takes_the_newest_match_of_each_requirement():
    """Breadth first and no solving: one project may come in several versions."""
    answer = resolve(
        make_goal("app", ("app",)), WINDOWS, World(SPREAD).facts(), ResolveOptions("latest")
    )
    assert _pinned(answer) == {"app==2.0", "tool==1.0", "lib==3.0", "lib==2.0"}
    (unmet,) = _resolved(answer).unmet
    assert (unmet.requirement, unmet.parent) == ("gone", "lib==2.0")
    assert unmet.reasons == ("project gone not found",)


def test_all_takes_every_match_and_all_their_needs():
    """To the fixed point."""
    answer = resolve(
        make_goal("app", ("app",)), WINDOWS, World(SPREAD).facts(), ResolveOptions("all")
    )
    assert _pinned(answer) == {
        *("app==1.0", "app==2.0", "tool==1.0", "lib==1.0", "lib==2.0", "lib==3.0")
    }


def test_solve_finds_one_set():
    """The same goal, solved."""
    answer = resolve(make_goal("app", ("app",)), WINDOWS, World(SPREAD).facts())
    assert _pinned(answer) == {"app==2.0", "tool==1.0", "lib==1.0"}


@pytest.mark.parametrize("mode", ["solve", "latest", "all"])
def test_modes_agree_whether_facts_are_there_or_asked_for(mode):
    """Answers do not depend on the way the facts came."""
    goal = make_goal("app", ("app",))
    world = World(SPREAD)
    closure = close(world, [goal], [WINDOWS], ResolveOptions(mode))
    assert closure.resolutions == (resolve(goal, WINDOWS, world.facts(), ResolveOptions(mode)),)


@pytest.mark.parametrize("mode", ["latest", "all"])
def test_modes_without_solving_fail_on_the_goal_itself(mode):
    """A goal's own requirement must have a match."""
    answer = resolve(
        make_goal("x", ("lib>=9",)), WINDOWS, World(SPREAD).facts(), ResolveOptions(mode)
    )
    assert isinstance(answer, GoalFailure)
    assert "no version fits lib>=9" in answer.reasons[0]


def test_needs_name_what_is_missing_and_likely():
    """First the project, then the metadata of its newest match, then all of the next level."""
    world = World({"a": {"1": ["b", "c"], "0": []}, "b": {"1": []}, "c": {"1": []}})
    facts = Facts()
    goal = make_goal("a", ("a",))
    assert resolve(goal, WINDOWS, facts) == Needs(projects=frozenset({"a"}))  # type: ignore[arg-type]
    needs = Needs(projects=frozenset({"a"}))  # type: ignore[arg-type]
    world.answer(needs, facts)
    needs = resolve(goal, WINDOWS, facts)  # type: ignore[assignment]
    assert {need.filename for need in needs.metadata} == {"a-1-py3-none-any.whl"}
    world.answer(needs, facts)
    needs = resolve(goal, WINDOWS, facts)  # type: ignore[assignment]
    assert needs.projects == {"b", "c"}


def test_every_fitting_file_of_the_chosen_release_comes_along():
    """All wheels that suit the environment, and the source distribution, the best first."""
    tags = ["py3-none-any", "cp312-cp312-win_amd64", "cp38-abi3-win_amd64", "sdist"]
    world = World({"a": {"1.0": {"files": [*tags, "cp312-cp312-macosx_11_0_arm64"]}}})
    (pin,) = _resolved(resolve(make_goal("a", ("a",)), WINDOWS, world.facts())).pins
    assert [file.filename for file in pin.files] == [
        "a-1.0-cp312-cp312-win_amd64.whl",
        "a-1.0-cp38-abi3-win_amd64.whl",
        "a-1.0-py3-none-any.whl",
        "a-1.0.tar.gz",
    ]
    assert pin.metadata_file == "a-1.0-cp312-cp312-win_amd64.whl"


@pytest.mark.parametrize(
    ("installer", "version"), [(None, "2.0"), (Installer.PIP, "1.0"), (Installer.UV, "1.0")]
)
def test_a_release_whose_wheel_is_broken(installer: Installer | None, version: str) -> None:
    """No installer uses its sdist; a mirror takes it."""
    world = World({"a": {"1.0": [], "2.0": {"files": ["py3-none-any", "sdist"]}}})
    world.metadata["a-2.0-py3-none-any.whl"] = "not a zip archive"
    facts = Facts(world.projects, world.metadata)
    options = ResolveOptions(installer=installer)
    assert versions(resolve(make_goal("a", ("a",)), WINDOWS, facts, options)) == {"a": version}
    assert facts.contested


@pytest.mark.parametrize(
    ("release", "pip", "uv"),
    [
        ({"requires": ["b (>=1.*)"]}, "1.0", "1.0"),
        ({"python": "junk"}, "2.0", "1.0"),
        ({"requires": ["b>=1"]}, "2.0", "2.0"),
    ],
)
def test_what_only_one_installer_reads(release: dict[str, Any], pip: str, uv: str) -> None:
    """Requirements that need repair are refused by both, an odd Requires-Python by uv alone."""
    world = World({"a": {"1.0": [], "2.0": release}, "b": {"1.0": []}})
    facts = Facts(world.projects, world.metadata)
    for installer, version in ((Installer.PIP, pip), (Installer.UV, uv)):
        options = ResolveOptions(installer=installer)
        found = versions(resolve(make_goal("a", ("a",)), WINDOWS, facts, options))
        assert found["a"] == version
    assert facts.contested is (pip != uv)


@pytest.mark.parametrize(
    ("requirements", "pip", "uv"),
    [
        (("a==2.0",), True, True),
        (("c",), True, False),
        (("c", "a==2.0"), True, True),
        (("c", "a==2.0,<3"), True, False),
        (("a>=2",), False, False),
    ],
)
def test_who_may_pin_a_yanked_release(requirements: tuple[str, ...], pip: bool, uv: bool) -> None:
    """Anybody for pip; for uv only the one who asks, by nothing but the version."""
    world = World({"a": {"1.0": [], "2.0": {"yanked": True}}, "c": {"1.0": ["a==2.0"]}})
    facts = Facts(world.projects, world.metadata)
    for installer, installs in ((Installer.PIP, pip), (Installer.UV, uv)):
        options = ResolveOptions(installer=installer)
        found = resolve(make_goal("x", requirements), WINDOWS, facts, options)
        assert isinstance(found, Resolution) is installs
    assert facts.contested or not pip


@pytest.mark.parametrize("installer", [None, *Installer])
def test_where_installers_stop(installer: Installer | None) -> None:
    """A release that depends on a direct URL ends them, although an older one would do."""
    index = {"a": {"1.0": [], "2.0": ["b @ https://x.example/b-1-py3-none-any.whl"]}}
    options = ResolveOptions(installer=installer)
    found = resolve(make_goal("a", ("a",)), WINDOWS, World(index).facts(), options)
    assert isinstance(found, GoalFailure) is (installer is not None)
    assert found == resolve(make_goal("a", ("a",)), WINDOWS, World(index).facts(), options)


def test_installers_stop_at_a_broken_wheel_that_they_look_at() -> None:
    """Also of a project that the result does not need: pip comes by it on its way."""
    index: dict[str, Any] = {"a": {"1.0": [], "2.0": ["b>=1", "c"]}, "b": {"1.0": []}}
    world = World({**index, "c": {"1.0": []}})
    world.metadata["b-1.0-py3-none-any.whl"] = "not a zip archive"
    for blocking, installs in ((set(), True), ({"b-1.0-py3-none-any.whl"}, False)):
        facts = Facts(world.projects, world.metadata)
        facts.blocking.update(blocking)
        options = ResolveOptions(installer=Installer.PIP)
        found = resolve(make_goal("a", ("a",)), WINDOWS, facts, options)
        assert isinstance(found, Resolution) is installs


@pytest.mark.parametrize(
    ("tag", "pip", "uv"),
    [
        ("py3-none-any", "2.0", "2.0"),
        ("PY3-none-any", "2.0", "1.0"),
        ("py3-none-ANY", "2.0", "1.0"),
    ],
)
def test_names_that_one_installer_reads(tag: str, pip: str, uv: str) -> None:
    world = World({"a": {"1.0": [], "2.0": {"files": [tag]}}})
    for installer, version in ((Installer.PIP, pip), (Installer.UV, uv)):
        options = ResolveOptions(installer=installer)
        found = resolve(make_goal("a", ("a",)), WINDOWS, world.facts(), options)
        assert versions(found) == {"a": version}


def test_which_wheel_of_linux_speaks_for_a_release() -> None:
    """The plain tag is the best one for pip, and the last one for uv."""
    tags = ["py3-none-linux_x86_64", "py3-none-manylinux1_x86_64", "py3-none-any"]
    world = World({"a": {"1.0": {"files": tags}}})
    for installer, order in ((Installer.PIP, tags), (Installer.UV, [tags[1], tags[0], tags[2]])):
        options = ResolveOptions(installer=installer)
        (pin,) = _resolved(resolve(make_goal("a", ("a",)), LINUX, world.facts(), options)).pins
        assert [file.filename.split("-", 2)[2][:-4] for file in pin.files] == order


@pytest.mark.parametrize(
    ("python", "pip", "uv"),
    [
        (">=3.8", "2.0", "2.0"),
        ("<3", "1.0", "2.0"),
        (">=3,<3.12", "1.0", "2.0"),
        (">=99", "1.0", "1.0"),
    ],
)
@pytest.mark.parametrize("where", ["python", "metadata_python"])
def test_uv_ignores_upper_bounds_of_requires_python(
    python: str, pip: str, uv: str, where: str
) -> None:
    world = World({"a": {"1.0": [], "2.0": {where: python}}})
    facts = world.facts()
    for installer, version in ((Installer.PIP, pip), (Installer.UV, uv)):
        options = ResolveOptions(installer=installer)
        found = versions(resolve(make_goal("a", ("a",)), WINDOWS, facts, options))
        assert found == {"a": version}
    assert facts.contested is (pip != uv)


def test_uv_falls_back_to_pre_releases() -> None:
    """Where no release can be used, and not only where none matches."""
    world = World({"a": {"1.0": ["gone"], "2.0rc1": []}, "gone": None})
    for installer, found in ((Installer.PIP, None), (Installer.UV, {"a": "2.0rc1"})):
        options = ResolveOptions(installer=installer)
        answer = resolve(make_goal("a", ("a",)), WINDOWS, world.facts(), options)
        assert (versions(answer) if isinstance(answer, Resolution) else None) == found


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("other", ["Requires-Python: >=99", "Requires-Dist: gone"])
def test_the_worst_of_equally_good_wheels_speaks_for_a_release(
    other: str, order: tuple[int, int]
) -> None:
    """Which of them an installer takes is left to the order of a directory."""
    names = ["py3-none-any", "py2.py3-none-any"]
    world = World({"a": {"1.0": {"files": names}}, "gone": None})
    odd = f"a-1.0-{names[order[0]]}.whl"
    head = "Metadata-Version: 2.1\nName: a\nVersion: 1.0\n"
    world.metadata[odd] = from_metadata(f"{head}{other}\n".encode())
    for installer in Installer:
        options = ResolveOptions(installer=installer)
        found = resolve(make_goal("a", ("a",)), LINUX, world.facts(), options)
        assert isinstance(found, GoalFailure)


def test_the_latest_build_speaks_for_a_release():
    """Among wheels with equal tags, as for pip and uv: by number, not by text."""
    tags = ["1-py3-none-any", "10-py3-none-any", "2x-py3-none-any", "py3-none-any"]
    world = World({"a": {"1.0": {"files": tags}}})
    (pin,) = _resolved(resolve(make_goal("a", ("a",)), WINDOWS, world.facts())).pins
    assert [file.filename.split("-")[2] for file in pin.files] == ["10", "2x", "1", "py3"]


def test_edges_and_chains():
    """Each file knows who requires it, back to the goal."""
    world = World(
        {
            "a": {"1": {"requires": ["b>=1", "c; extra == 'x'"], "extras": ["x"]}},
            "b": {"1": ["c<2"]},
            "c": {"1": ["b"]},
        }
    )
    answer = _resolved(resolve(make_goal("set", ("a[x]",), origin="here"), WINDOWS, world.facts()))
    pins = {pin.project: pin for pin in answer.pins}
    assert pins["a"].edges == (Edge("a[x]", ""),)  # type: ignore[index]
    assert pins["a"].extras == ("x",)  # type: ignore[index]
    assert pins["b"].edges == (  # type: ignore[index]
        Edge("b", "c==1"),
        Edge("b>=1", "a==1", ">=1"),
    )
    assert pins["c"].edges == (Edge("c", "a==1"), Edge("c<2", "b==1", "<2"))  # type: ignore[index]
    assert chains([answer], "c-1-py3-none-any.whl") == (
        "windows: c-1-py3-none-any.whl <- c of a==1 <- a[x] <- set",
    )
    links = required_by([answer, answer])
    assert len(links) == 5
    assert {link.environment for link in links} == {"windows"}


def test_many_goals_one_impossible():
    """One impossible goal never stops the others, and each environment has its own answer."""
    index: dict[str, Any] = {
        "a": {"2": {"python": ">=3.12"}, "1": []},
        "b": {"1": {"python": ">=3.12"}},
    }
    closure = close(World(index), bare_goals(parse_requirements(["a", "b", "a"])), [LINUX, WINDOWS])
    got = {(found.goal.name, found.environment): versions(found) for found in closure.resolutions}
    assert got == {
        ("a", "linux"): {"a": "1"},
        ("a", "windows"): {"a": "2"},
        ("b", "windows"): {"b": "1"},
    }
    (failure,) = closure.failures
    assert (failure.goal.name, failure.environment) == ("b", "linux")
    assert closure.resolutions[0].goal.origin == "packages"


def test_build_requirements_are_an_environment_of_their_own():
    """What builds a kept sdist is resolved apart, to the end, and conflicts with nobody."""
    index: dict[str, Any] = {
        "a": {
            "1": {
                "requires": ["setuptools<50"],
                "files": ["sdist"],
                "build": ["setuptools>=60", "wheel"],
            }
        },
        "setuptools": {"40": [], "70": {"files": ["py3-none-any", "sdist"], "build": ["wheel"]}},
        "wheel": {"1": {"files": ["sdist"], "build": ["flit"]}},
        "flit": {"1": {"files": ["sdist"], "build": []}},
    }
    world = World(index)
    plain = close(world, bare_goals(parse_requirements(["a"])), [WINDOWS])
    assert [versions(found) for found in plain.resolutions] == [{"a": "1", "setuptools": "40"}]
    closure = close(
        world, bare_goals(parse_requirements(["a"])), [WINDOWS], build_requirements=True
    )
    builds = {f.goal.name: versions(f) for f in closure.resolutions if "(build)" in f.environment}
    assert builds == {
        "build a-1.tar.gz": {"setuptools": "70", "wheel": "1"},
        "build setuptools-70.tar.gz": {"wheel": "1"},
        "build wheel-1.tar.gz": {"flit": "1"},
    }


def test_prove_closed():
    """What is at hand suffices; what must be built is listed."""
    index: dict[str, Any] = {"a": {"1": ["b"]}, "b": {"1": {"files": ["sdist"]}}}
    proof = prove(bare_goals(parse_requirements(["a"])), [WINDOWS], World(index).facts())
    assert proof.closed
    assert [(found.environment, found.project, found.version) for found in proof.sdist_only] == [
        ("windows", "b", "1")
    ]


def test_prove_names_what_is_missing():
    """Facts that are not there count as files that are not there."""
    world = World({"a": {"1": ["b"]}, "c": {"1": []}})
    facts = world.facts()
    del facts.metadata["c-1-py3-none-any.whl"]
    proof = prove(bare_goals(parse_requirements(["a", "c"])), [WINDOWS], facts)
    assert not proof.closed
    by_goal = {failure.goal.name: "\n".join(failure.reasons) for failure in proof.missing}
    assert "project b not found" in by_goal["a"]
    assert "chain: b <- a 1 <- a" in by_goal["a"]
    assert "c==1 has no readable metadata: its metadata is not in the repository" in by_goal["c"]


URL = "https://files.example/c-1.0-py3-none-any.whl"
URL_FILE = File(
    filename="c-1.0-py3-none-any.whl", url=URL, version="1.0", package_type="bdist_wheel"
)
URL_METADATA = CoreMetadata("c", "1.0", requires_dist=("d",))
URLS = ResolveOptions(allow_urls=True)


def _url_facts(found: UrlFile | str, *, a: list[str] | None = None) -> Facts:
    world = World({"a": {"1": a or [f"c @ {URL}", "b"]}, "b": {"1": ["c>=1"]}, "d": {"1": []},
                   "c": {"9": []}})  # fmt: skip
    facts = world.facts()
    facts.add(urls={URL: found})
    return facts


def test_direct_urls_are_followed_on_request():
    """The file behind the URL is the only candidate for its project, for everyone."""
    facts = _url_facts(UrlFile(URL_FILE, URL_METADATA))
    answer = resolve(make_goal("a", ("a",)), WINDOWS, facts, URLS)
    assert _pinned(answer) == {"a==1", "b==1", "c==1.0", "d==1"}


def test_direct_urls_are_asked_for():
    """An unknown URL is a need like any other."""
    facts = _url_facts(UrlFile(URL_FILE, URL_METADATA))
    facts.urls.clear()
    needs = resolve(make_goal("a", ("a",)), WINDOWS, facts, URLS)
    assert isinstance(needs, Needs)
    assert needs.urls == {URL}


@pytest.mark.parametrize(
    "found",
    [
        "404",
        UrlFile(URL_FILE, CoreMetadata("other", "1.0")),
        UrlFile(URL_FILE, CoreMetadata("c", "0.5")),
    ],
)
def test_direct_urls_that_do_not_fit(found):
    """Not there, another project, or a version that somebody refuses."""
    assert isinstance(
        resolve(make_goal("a", ("a",)), WINDOWS, _url_facts(found), URLS), GoalFailure
    )


def test_version_control_is_never_followed():
    """Not even with URLs allowed."""
    facts = _url_facts("unused", a=["c @ git+https://code.example/c"])
    answer = resolve(make_goal("a", ("a",)), WINDOWS, facts, URLS)
    assert isinstance(answer, GoalFailure)
    assert "direct URL" in answer.reasons[0]


def test_digests_limit_files():
    """A file that the requirements file's hashes do not name is no candidate."""
    good, bad = "a" * 64, "b" * 64
    files = [
        File("x-1-py3-none-any.whl", "", "1", "bdist_wheel", Digests(sha256=good)),
        File("x-2-py3-none-any.whl", "", "2", "bdist_wheel", Digests(sha256=bad)),
        File("x-1.tar.gz", "", "1", "sdist", Digests(sha256=bad)),
    ]
    metadata: dict[str, CoreMetadata | str] = {
        "x-1-py3-none-any.whl": CoreMetadata("x", "1"),
        "x-2-py3-none-any.whl": CoreMetadata("x", "2"),
    }
    facts = Facts({"x": Candidates(tuple(files))}, metadata)  # type: ignore[dict-item]
    (want,) = parse_requirements(["x"])
    want = msgspec.structs.replace(want, hashes=(f"sha256:{good}",))
    goal = Goal("requirements.txt", (want,))
    (pin,) = _resolved(resolve(goal, WINDOWS, facts)).pins
    assert [file.filename for file in pin.files] == ["x-1-py3-none-any.whl"]


def test_notes_tell_doubts():
    """Guesses, repairs, missing extras and pinned yanked releases are told."""
    index: dict[str, Any] = {
        "a": {"1": {"requires": ["b (>=1.*)"], "yanked": True, "source": "guess"}},
        "b": {"1": []},
    }
    answer = _resolved(resolve(make_goal("a", ("a[x]==1",)), WINDOWS, World(index).facts()))
    text = "\n".join(answer.notes)
    assert answer.warnings == ("a==1 provides no extra 'x'",)
    assert "a==1: yanked, but pinned" in text
    assert "* after an ordering operator" in text
    assert [pin.guess for pin in answer.pins] == [True, False]


def test_metadata_of_another_release_is_not_believed():
    """A file whose metadata names another project or version is passed over."""
    facts = World({"a": {"2": [], "1": []}}).facts()
    facts.metadata["a-2-py3-none-any.whl"] = CoreMetadata("a", "3")
    assert _pinned(resolve(make_goal("a", ("a",)), WINDOWS, facts)) == {"a==1"}


def test_the_solver_gives_up_in_the_end():
    """A limit on steps is an answer, not a hang."""
    index: dict[str, Any] = {f"p{n}": {f"{v}": [f"p{n + 1}"] for v in range(20)} for n in range(9)}
    index["p9"] = {f"{v}": ["q==2" if v else "q==1"] for v in range(20)}
    index["q"] = {"1": [], "2": []}
    goal = make_goal("x", ("p0", "q==1"))
    answer = resolve(goal, WINDOWS, World(index).facts(), ResolveOptions(max_rounds=5))
    assert isinstance(answer, GoalFailure)
    assert "no solution within" in answer.reasons[0]
    assert isinstance(resolve(goal, WINDOWS, World(index).facts()), Resolution)


def test_environments_of_one_name_do_not_mix():
    """A view belongs to an environment's value, whatever it is called."""
    facts = World({"a": {"1": {"files": ["cp312-cp312-win_amd64"]}}}).facts()
    goal = make_goal("a", ("a",))
    assert isinstance(resolve(goal, WINDOWS, facts), Resolution)
    other = Environment("windows", LINUX.markers, LINUX.tags)
    assert isinstance(resolve(goal, other, facts), GoalFailure)
    assert MetadataNeed("a", "x") < MetadataNeed("b", "a")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prereleases", "version"), [(None, "1rc1"), (True, "1rc1"), (False, None)]
)
def test_prereleases_where_nothing_else_matches(
    prereleases: bool | None, version: str | None
) -> None:
    world = World({"a": {"1rc1": []}, "b": {"1": [], "2rc1": []}})
    options = ResolveOptions(prereleases=prereleases)
    answer = resolve(make_goal("a", ("a",)), WINDOWS, world.facts(), options)
    found = None if isinstance(answer, GoalFailure) else _resolved(answer).pins[0].version
    assert found == version
    other = _resolved(resolve(make_goal("b", ("b",)), WINDOWS, world.facts(), options))
    assert other.pins[0].version == ("2rc1" if prereleases else "1")
    named = _resolved(resolve(make_goal("a", ("a>=1rc1",)), WINDOWS, world.facts(), options))
    assert named.pins[0].version == "1rc1"
