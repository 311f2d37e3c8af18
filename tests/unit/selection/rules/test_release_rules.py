"""One decision per file: rules first, then the newest N releases for each Python."""

from __future__ import annotations

from typing import Any

import pytest

from microrepo.config.load import convert
from microrepo.config.schema import RUNNING_PYTHON
from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.model import Cause, Decision, Digests, File, NormalizedName, Project
from microrepo.selection.rules.decisions import reconsider_at, select
from microrepo.selection.rules.policy import build_policy
from microrepo.selection.rules.release_rules import unmet_requests

NOW = "2026-05-31T12:00:00.000000Z"


def file(filename: str, version: str | None = None, **about: object) -> File:
    """A file of foo; its version stands in its name unless it is given."""
    values: dict[str, object] = {
        "url": f"https://f.example/{filename}",
        "package_type": "bdist_wheel" if filename.endswith(".whl") else "sdist",
        "digests": Digests("a" * 64),
        "upload_time": "2026-01-01T00:00:00.000000Z",
        **about,
    }
    return File(
        filename=filename,
        version=version or filename.removesuffix(".tar.gz").split("-")[1],
        **values,  # type: ignore[arg-type]
    )


def wheel(version: str, tags: str = "py3-none-any", **about: object) -> File:
    return file(f"foo-{version}-{tags}.whl", version, **about)


def sdist(version: str, **about: object) -> File:
    return file(f"foo-{version}.tar.gz", version, **about)


def decide(
    *files: File, requirements: list[str] | None = None, **settings: object
) -> dict[str, Decision]:
    policy = build_policy(
        convert({"python_versions": "all", **settings}, "test"),
        None if requirements is None else parse_requirements(requirements),
    )
    decisions = select(Project(NormalizedName("foo"), "Foo", files=files), policy, NOW)
    assert len(decisions) == len(files)
    return {decision.file.filename: decision for decision in decisions}


def kept(*files: File, requirements: list[str] | None = None, **settings: object) -> list[str]:
    decisions = decide(*files, requirements=requirements, **settings)
    return sorted({d.file.version for d in decisions.values() if d.keep})


def kept_files(*files: File, requirements: list[str] | None = None, **settings: object) -> set[str]:
    decisions = decide(*files, requirements=requirements, **settings)
    return {name for name, decision in decisions.items() if decision.keep}


THREE = (wheel("1.0"), wheel("2.0"), wheel("10.0"))


def test_the_newest_release_is_kept() -> None:
    assert kept(*THREE) == ["10.0"]


def test_the_newest_n_releases_are_kept() -> None:
    assert kept(*THREE, versions=2) == ["10.0", "2.0"]


def test_all_releases_are_kept() -> None:
    assert kept(*THREE, versions="all") == ["1.0", "10.0", "2.0"]


def test_older_releases_are_superseded() -> None:
    decisions = decide(*THREE)
    assert decisions["foo-1.0-py3-none-any.whl"].cause is Cause.SUPERSEDED
    assert decisions["foo-10.0-py3-none-any.whl"].cause is Cause.SELECTED


def test_all_fitting_files_of_a_release_are_kept() -> None:
    files = (wheel("1.0"), wheel("1.0", "cp311-cp311-win32"), sdist("1.0"))
    assert len(kept_files(*files)) == 3


def test_release_without_a_fitting_file_does_not_count() -> None:
    newest = wheel("3.0", "cp39-cp39-win32")
    assert kept(newest, *THREE[:2], platforms=["any"]) == ["2.0"]


def test_release_of_prereleases_alone_is_left_out() -> None:
    assert kept(wheel("2.0b1"), wheel("1.0")) == ["1.0"]
    assert kept(wheel("2.0b1"), wheel("1.0"), prereleases=True) == ["2.0b1"]


@pytest.mark.parametrize(
    ("files", "settings", "expected"),
    [
        pytest.param([wheel("2.0b1"), wheel("2.0b2")], {}, ["2.0b2"], id="nothing else"),
        pytest.param([wheel("2.0b1"), wheel("2.0b2")], {"prereleases": False}, [], id="never"),
        pytest.param(
            [wheel("2.0b1"), wheel("2.0b2")], {"versions": "all"}, ["2.0b1", "2.0b2"], id="all"
        ),
        pytest.param(
            [wheel("2.0b1"), wheel("1.0", "cp39-cp39-win32")],
            {"python_versions": ["3.11"]},
            ["2.0b1"],
            id="nothing else for this Python",
        ),
        pytest.param(
            [wheel("2.0b1"), wheel("1.0", "cp39-cp39-win32")],
            {"python_versions": ["3.9", "3.11"]},
            ["1.0", "2.0b1"],
            id="each Python by itself",
        ),
        pytest.param(
            [wheel("2.0b1"), wheel("1.0")], {"package_types": ["sdist"]}, [], id="nothing fits"
        ),
        pytest.param(
            [wheel("2.0b1"), wheel("1.0")], {"requirements": ["foo>1"]}, ["2.0b1"], id="no match"
        ),
        pytest.param(
            [wheel("2.0b1"), wheel("1.0")],
            {"requirements": ["foo>1", "foo"]},
            ["1.0", "2.0b1"],
            id="each requirement by itself",
        ),
        pytest.param(
            [wheel("2.0b1"), wheel("1.0", yanked=True)], {}, [], id="a yanked release, as pip"
        ),
    ],
)
def test_prereleases_where_nothing_else_fits(
    files: list[File], settings: dict[str, Any], expected: list[str]
) -> None:
    assert kept(*files, **settings) == expected


def test_yanked_release_does_not_count() -> None:
    assert kept(wheel("2.0", yanked=True), wheel("1.0")) == ["1.0"]


def test_legacy_versions_are_the_oldest() -> None:
    files = (file("foo-2009final.tar.gz", "2009-final-x"), sdist("0.1"))
    assert kept(*files) == ["0.1"]
    assert kept(files[0]) == ["2009-final-x"]


def test_local_and_post_releases_are_newer() -> None:
    assert kept(sdist("1.0"), sdist("1.0+local"), sdist("1.0.post1")) == ["1.0.post1"]


def test_releases_are_ordered_as_versions_not_as_text() -> None:
    assert kept(sdist("9.0"), sdist("10.0"), sdist("9.9.9")) == ["10.0"]


# --- newest N for each Python, then the union ---------------------------------------------------------


def test_each_python_gets_its_own_newest_release() -> None:
    files = (
        wheel("3.0", requires_python=">=3.12"),
        wheel("2.0", requires_python=">=3.9"),
        wheel("1.0"),
    )
    assert kept(*files, python_versions=["3.12"]) == ["3.0"]
    assert kept(*files, python_versions=["3.12", "3.9"]) == ["2.0", "3.0"]
    assert kept(*files, python_versions=["3.12", "3.9", "3.8"]) == ["1.0", "2.0", "3.0"]


def test_newest_n_are_counted_for_each_python_by_itself() -> None:
    files = tuple(
        wheel(f"{number}.0", requires_python=">=3.12" if number > 3 else None)
        for number in range(1, 6)
    )
    assert kept(*files, python_versions=["3.12", "3.9"], versions=2) == ["2.0", "3.0", "4.0", "5.0"]


def test_of_an_older_release_only_what_the_older_python_can_use_is_kept() -> None:
    files = (
        wheel("2.0", "cp312-cp312-win32"),
        wheel("1.0", "cp312-cp312-win32"),
        wheel("1.0", "cp39-cp39-win32"),
    )
    assert kept_files(*files, python_versions=["3.12", "3.9"]) == {
        "foo-2.0-cp312-cp312-win32.whl",
        "foo-1.0-cp39-cp39-win32.whl",
    }


def test_decision_names_the_pythons_it_is_kept_for() -> None:
    decisions = decide(
        wheel("2.0", requires_python=">=3.12"), wheel("1.0"), python_versions=["3.9", "3.12"]
    )
    assert decisions["foo-2.0-py3-none-any.whl"].detail == "Python 3.12"
    assert decisions["foo-1.0-py3-none-any.whl"].detail == "Python 3.9"


def test_generic_words_beside_a_python_change_nothing() -> None:
    files = (wheel("2.0", "cp312-cp312-win32"), sdist("2.0"), wheel("1.0", "py2-none-any"))
    alone = kept_files(*files, python_versions=["3.12"])
    assert alone == kept_files(*files, python_versions=["3.12", "py3", "py2", "any", "source"])


def test_words_of_the_old_readme_choose_for_python_2_7() -> None:
    files = (
        wheel("3.0", "py3-none-any"),
        wheel("2.0", "py2.py3-none-any"),
        file("foo-2.0-py2.7.egg", "2.0", package_type="bdist_egg", python_version="2.7"),
        sdist("2.0", python_version="source"),
        wheel("1.0", "cp27-cp27m-win32"),
    )
    old = {
        "package_types": ["bdist_egg", "bdist_wheel", "sdist"],
        "extensions": ["bz2", "egg", "gz", "tgz", "whl", "zip"],
        "python_versions": ["2.7", "any", "cp27", "py2", "py2.py3", "py27", "source"],
    }
    assert kept_files(*files, **old) == {
        "foo-2.0-py2.py3-none-any.whl",
        "foo-2.0-py2.7.egg",
        "foo-2.0.tar.gz",
    }


def test_generic_words_alone_choose_by_the_files_own_tags() -> None:
    files = (wheel("1.0", "py2.py3-none-any"), wheel("1.0", "cp312-cp312-win32"), sdist("1.0"))
    assert kept_files(*files, python_versions=["py3"]) == {"foo-1.0-py2.py3-none-any.whl"}
    assert kept_files(*files, python_versions=["source"]) == {"foo-1.0.tar.gz"}


# --- requirements and pins ----------------------------------------------------------------------------


def test_newest_release_that_a_requirement_admits() -> None:
    assert kept(*THREE, requirements=["foo<5"]) == ["2.0"]


def test_newest_of_what_any_requirement_admits() -> None:
    assert kept(*THREE, requirements=["foo<2", "foo<5"]) == ["2.0"]


def test_pinned_release_is_kept_beside_newer_ones() -> None:
    assert kept(*THREE, requirements=["foo", "foo==1.0"]) == ["1.0", "10.0"]


def test_pinned_release_is_kept_though_yanked() -> None:
    files = (wheel("1.0", yanked=True), wheel("2.0"))
    assert kept(*files, requirements=["foo==1.0"]) == ["1.0"]


def test_pinned_prerelease_takes_no_place_among_the_newest() -> None:
    files = (wheel("2.0b1"), wheel("1.0"), wheel("0.9"))
    assert kept(*files, requirements=["foo==2.0b1", "foo"]) == ["1.0", "2.0b1"]


def test_pinned_yanked_release_takes_no_place_among_the_newest() -> None:
    files = (wheel("2.0", yanked=True), wheel("1.0"), wheel("0.9"))
    assert kept(*files, requirements=["foo==2.0", "foo"]) == ["1.0", "2.0"]


def test_pin_beside_an_upper_limit_takes_no_place_among_the_newest() -> None:
    assert kept(*THREE, requirements=["foo==10.0", "foo<10"]) == ["10.0", "2.0"]


def test_pinned_release_that_is_the_newest_anyway_counts_as_such() -> None:
    assert kept(*THREE, requirements=["foo==10.0", "foo"]) == ["10.0"]


@pytest.mark.parametrize(
    ("silent", "settings", "expected"),
    [
        (True, {"python_versions": RUNNING_PYTHON, "versions": "all"}, ["1.0", "2.0"]),
        (
            True,
            {"python_versions": RUNNING_PYTHON, "versions": "all", "requires_python": ["3.9"]},
            ["1.0"],
        ),
        (False, {"python_versions": RUNNING_PYTHON, "versions": "all"}, ["1.0"]),
        (True, {"python_versions": RUNNING_PYTHON}, ["1.0"]),
        (True, {"python_versions": ["3.8"], "versions": "all"}, ["1.0"]),
    ],
)
def test_what_only_wheels_say_is_for_installers_where_nobody_chose(
    silent: bool, settings: dict[str, object], expected: list[str]
) -> None:
    """Every release was wanted for no Python that anybody named; pages repeat what it needs."""
    files = (wheel("1.0"), wheel("2.0", requires_python=">=3.99"))
    project = Project(NormalizedName("foo"), "Foo", files=files, silent_on_python=silent)
    decisions = select(project, build_policy(convert(settings, "test"), None), NOW)
    assert sorted(one.file.version for one in decisions if one.keep) == expected


def test_pinned_release_that_no_python_can_use_is_not_kept() -> None:
    files = (wheel("1.0", "cp39-cp39-win32"),)
    assert kept(*files, requirements=["foo==1.0"], python_versions=["3.12"]) == []


def test_a_pin_does_not_reach_excluded_releases() -> None:
    assert kept(*THREE, requirements=["foo==1.0"], exclude=["foo<2"]) == []


# --- whole projects -----------------------------------------------------------------------------------


def test_excluded_project_keeps_nothing_and_says_why() -> None:
    decisions = decide(*THREE, exclude=["fo?"])
    assert {(d.cause, d.detail) for d in decisions.values()} == {(Cause.EXCLUDED, "exclude: fo?")}


def test_project_without_files() -> None:
    assert decide() == {}


def test_a_rule_before_the_cut_brings_the_next_older_release() -> None:
    """So "a deny rule never adds a file" holds for all versions, not for the newest N."""
    files = (wheel("2.0", size=100), wheel("1.0", size=10))
    assert kept(*files) == ["2.0"]
    assert kept(*files, max_file_size=50) == ["1.0"]
    assert kept(*files, max_file_size=50, versions="all") == ["1.0"]


def test_newest_releases_come_first() -> None:
    policy = build_policy(convert({}, "test"), None)
    project = Project(NormalizedName("foo"), "Foo", files=(*THREE, sdist("1.0")))
    decisions = select(project, policy, NOW)
    assert [d.file.version for d in decisions] == ["10.0", "2.0", "1.0", "1.0"]


# --- the newest stable release -------------------------------------------------------------------------

RC = (*THREE, wheel("11.0rc1"), wheel("11.0rc2"))
YANKED = (*THREE, wheel("11.0", yanked=True), wheel("12.0", yanked=True))


@pytest.mark.parametrize(
    ("files", "number", "expected"),
    [
        (RC, 1, ["10.0"]),
        (RC, 2, ["10.0", "11.0rc2"]),
        (RC, 3, ["10.0", "11.0rc1", "11.0rc2"]),
        (RC, 4, ["10.0", "11.0rc1", "11.0rc2", "2.0"]),
        (YANKED, 1, ["10.0"]),
        (YANKED, 2, ["10.0", "12.0"]),
        (THREE, 2, ["10.0", "2.0"]),
        ((wheel("1.0rc1"), wheel("2.0rc1", yanked=True)), 1, ["1.0rc1"]),
        ((wheel("1.0", yanked=True), wheel("2.0rc1")), 1, ["2.0rc1"]),
    ],
)
def test_the_newest_stable_release_has_a_place(
    files: tuple[File, ...], number: int, expected: list[str]
) -> None:
    rules: dict[str, Any] = {"prereleases": True, "yanked": True, "keep_stable": True}
    assert kept(*files, versions=number, **rules) == expected


def test_the_stable_release_of_each_python() -> None:
    files = (wheel("1.0", "cp311-cp311-any"), wheel("2.0", "cp312-cp312-any"), wheel("3.0rc1"))
    rules: dict[str, Any] = {
        "prereleases": True,
        "keep_stable": True,
        "python_versions": ["3.11", "3.12"],
    }
    assert kept(*files, **rules) == ["1.0", "2.0"]
    assert kept(*files, versions=2, **rules) == ["1.0", "2.0", "3.0rc1"]


def test_the_stable_release_is_the_highest_version_whatever_was_uploaded_last() -> None:
    files = (
        wheel("2.0"),
        wheel("1.9", upload_time="2026-02-01T00:00:00.000000Z"),
        wheel("3.0rc1", upload_time="2026-03-01T00:00:00.000000Z"),
    )
    rules: dict[str, Any] = {"prereleases": True, "keep_stable": True, "newest_by": "time"}
    assert kept(*files, **rules) == ["2.0"]
    assert kept(*files, versions=2, **rules) == ["2.0", "3.0rc1"]


# --- age ----------------------------------------------------------------------------------------------


def test_time_of_the_next_look_at_files_that_are_too_young() -> None:
    files = (
        wheel("3.0", upload_time="2026-05-31T00:00:00.000000Z"),
        wheel("2.0", upload_time="2026-05-30T00:00:00.000000Z"),
        wheel("1.0"),
    )
    settings = convert({"min_age_days": 7, "python_versions": "all"}, "test")
    policy = build_policy(settings, None)
    decisions = select(Project(NormalizedName("foo"), "Foo", files=files), policy, NOW)
    assert [d.file.version for d in decisions if d.keep] == ["1.0"]
    assert reconsider_at(decisions, policy) == "2026-06-06T00:00:00.000000Z"


def test_no_next_look_without_young_files() -> None:
    policy = build_policy(convert({"min_age_days": 7, "python_versions": "all"}, "test"), None)
    project = Project(NormalizedName("foo"), "Foo", files=(wheel("1.0"),))
    assert reconsider_at(select(project, policy, NOW), policy) is None


def test_upload_time_of_another_age_of_the_world_is_no_trouble() -> None:
    policy = build_policy(convert({"min_age_days": 7, "python_versions": "all"}, "test"), None)
    young = wheel("1.0", upload_time="9999-12-31T23:59:59.000000Z")
    decisions = select(Project(NormalizedName("foo"), "Foo", files=(young,)), policy, NOW)
    assert reconsider_at(decisions, policy) == "9999-12-31T23:59:59.999999Z"


@pytest.mark.parametrize(
    ("requirements", "unmet"),
    [
        (["foo==1.0", "foo==9.9"], ("foo==9.9",)),
        (["foo", "foo>5"], ("foo>5",)),
        (["foo", "foo<2"], ()),  # 1.0 gives way to 2.0
        (["foo==1.*", "foo===2.0"], ()),
        (["foo"], ()),
    ],
)
def test_requirements_that_no_kept_release_meets(
    requirements: list[str], unmet: tuple[str, ...]
) -> None:
    policy = build_policy(convert({}, "test"), parse_requirements(requirements))
    project = Project(NormalizedName("foo"), "foo", files=(wheel("1.0"), wheel("2.0")))
    assert unmet_requests(project.name, select(project, policy, NOW), policy) == unmet


def test_an_environment_that_is_none_is_refused_without_dependencies() -> None:
    with pytest.raises(ConfigError, match="'all' is not a preset"):
        build_policy(convert({"environments": ["all"], "dependencies": False}, "test"), None)
