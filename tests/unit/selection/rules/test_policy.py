"""From settings to the rules that choose files."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.config.load import convert
from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement import parse_requirement, parse_requirements
from microrepo.formats.version_numbers import parse_version
from microrepo.model import NormalizedName
from microrepo.selection.environments.python_versions import PythonTarget
from microrepo.selection.rules.patterns import Patterns
from microrepo.selection.rules.policy import (
    Policy,
    build_policy,
    by_project,
    fingerprint_for,
)
from microrepo.selection.rules.policy_warnings import filter_warnings

FOO_BAR = NormalizedName("foo-bar")


def policy(requirements: list[str] | None = None, /, **settings: object) -> Policy:
    wanted = None if requirements is None else parse_requirements(requirements)
    return build_policy(convert(settings, "test"), wanted)


@pytest.mark.parametrize(
    ("settings", "field", "expected"),
    [
        pytest.param({}, "package_types", ("bdist_wheel", "sdist"), id="default types"),
        pytest.param({"package_types": "all"}, "package_types", None, id="all types"),
        pytest.param(
            {"package_types": ["wheel", "egg", "bdist_wheel"]},
            "package_types",
            ("bdist_egg", "bdist_wheel"),
            id="short names of types",
        ),
        pytest.param({"extensions": [".whl", "zip"]}, "extensions", ("whl", "zip"), id="dots"),
        pytest.param({"platforms": ["win*", "any"]}, "platforms", ("any", "win*"), id="platforms"),
        pytest.param({"python_versions": "all"}, "pythons", None, id="all Pythons"),
        pytest.param({"versions": "all"}, "newest", None, id="all versions"),
        pytest.param({"versions": "3"}, "newest", 3, id="three versions"),
        pytest.param({"max_file_size": "5 MB"}, "max_file_bytes", 5_000_000, id="size"),
        pytest.param(
            {"uploaded_before": "2026-05-31"},
            "uploaded_before",
            "2026-05-31T00:00:00.000000Z",
            id="date",
        ),
        pytest.param(
            {"exclude": ["Foo_Bar"]}, "excluded", Patterns(frozenset({FOO_BAR})), id="a name"
        ),
        pytest.param({"exclude": ["Foo.*"]}, "excluded", Patterns(globs=("foo-*",)), id="a glob"),
        pytest.param(
            {"exclude": ["numpy<1.20", "NumPy==2.0"]},
            "excluded",
            Patterns(releases={NormalizedName("numpy"): ("<1.20", "==2.0")}),
            id="releases",
        ),
    ],
)
def test_setting_becomes_a_rule(settings: dict[str, object], field: str, expected: object) -> None:
    assert getattr(policy(**settings), field) == expected


def test_python_words_are_understood() -> None:
    pythons = policy(python_versions=["3.11", "py3"]).pythons
    assert pythons is not None
    assert (pythons.targets, pythons.labels) == ((PythonTarget("cp", 3, 11),), ("py3",))


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        pytest.param([], {}, id="none"),
        pytest.param(["Flask"], {"flask": ("",)}, id="a name"),
        pytest.param(["flask[async]>=2 ; python_version > '3'"], {"flask": (">=2",)}, id="whole"),
        pytest.param(["a>=1", "A<2", "a>=1"], {"a": ("<2", ">=1")}, id="several of one project"),
        pytest.param(["foo.bar", "foo_bar==1"], {"foo-bar": ("", "==1")}, id="one name, spelt two"),
        pytest.param(["x @ https://f.example/x-1.zip"], {"x": ("",)}, id="a direct link"),
    ],
)
def test_requirements_by_project(
    requirements: list[str], expected: dict[str, tuple[str, ...]]
) -> None:
    assert by_project(parse_requirements(requirements)) == expected


def test_everything_is_no_requirements() -> None:
    assert policy(None).requested is None


@pytest.mark.parametrize("text", ["", "foo bar", "foo>=", "foo=1", "-e .", "../foo", "foo==1.0.x"])
def test_no_requirement(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a requirement such as"):
        parse_requirement(text)


@pytest.mark.parametrize("text", ["foo bar", "<1.0", "foo>=1.x"])
def test_no_exclusion(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a requirement"):
        policy(exclude=[text])


@pytest.mark.parametrize(
    ("exclude", "name", "pattern"),
    [
        pytest.param("foo", "foo", "foo", id="name"),
        pytest.param("foo", "foo-bar", None, id="a longer name"),
        pytest.param("*-nightly", "tf-nightly", "*-nightly", id="glob"),
        pytest.param("*_nightly", "tf-nightly", "*-nightly", id="glob, other spelling"),
        pytest.param("*-nightly", "nightly", None, id="glob does not fit"),
        pytest.param("foo<1", "foo", None, id="releases are not the project"),
    ],
)
def test_excluded_project(exclude: str, name: str, pattern: str | None) -> None:
    assert policy(exclude=[exclude]).excludes_project(NormalizedName(name)) == pattern


# --- fingerprints -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"package_types": ["sdist"]},
        {"extensions": ["whl"]},
        {"python_versions": ["3.11"]},
        {"platforms": ["any"]},
        {"exclude": ["foo"]},
        {"exclude": ["foo<1"]},
        {"versions": 2},
        {"prereleases": True},
        {"yanked": True},
        {"max_file_size": 5},
        {"uploaded_before": "2026-05-31"},
        {"min_age_days": 3},
        {"require_digests": False},
        {"prune": False},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_fingerprint_changes_with_each_rule(changed: dict[str, object]) -> None:
    assert policy(**changed).fingerprint() != policy().fingerprint()


@pytest.mark.parametrize(
    "changed",
    [{"processes": 7}, {"repository": "/x"}, {"contact": "a@b.example"}],
    ids=lambda changed: next(iter(changed)),
)
def test_fingerprint_does_not_change_with_other_settings(changed: dict[str, object]) -> None:
    assert policy(**changed).fingerprint() == policy().fingerprint()


def test_fingerprint_does_not_depend_on_the_order_of_lists() -> None:
    one = policy(extensions=["whl", "zip"], exclude=["a", "b>1", "b<1"])
    other = policy(extensions=["zip", "whl", "zip"], exclude=["b<1", "b>1", "a"])
    assert one.fingerprint() == other.fingerprint()


def of_project(name: str, *requirements: str) -> str:
    rules = policy(list(requirements))
    return fingerprint_for(NormalizedName(name), rules.fingerprint(), rules)


def test_a_request_changes_the_fingerprint_of_its_project_alone() -> None:
    assert of_project("a", "a", "b") != of_project("a", "a>=1", "b")
    assert of_project("b", "a", "b") == of_project("b", "a>=1", "b")


def test_naming_a_project_is_like_wanting_everything() -> None:
    rules = policy(None)
    assert fingerprint_for(NormalizedName("a"), rules.fingerprint(), rules) == of_project("a", "a")


# --- warnings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"python_versions": ["3.9.18"]}, "'3.9.18'.*write only 3.9", id="a patch"),
        pytest.param({"python_versions": [">=3.9"]}, "'>=3.9'.*such as 3.9", id="a range"),
        pytest.param({"python_versions": ["3.11 3.12"]}, "as a list: 3.11, 3.12", id="two"),
        pytest.param({"python_versions": ["ip27"]}, "'ip27'.*write 3.12", id="no Python"),
        pytest.param({"python_versions": ["3.99"]}, "'3.99'", id="not yet"),
        pytest.param({"platforms": ["win64"]}, "'win64'.*did you mean 'win", id="a platform"),
        pytest.param({"platforms": ["manylinux_x86_64"]}, "manylinux_x86_64", id="no version"),
        pytest.param({"exclude_platforms": ["mac"]}, "did you mean 'macos'", id="a family"),
        pytest.param({"package_types": ["bdist_whel"]}, "did you mean 'bdist_wheel'", id="a type"),
        pytest.param({"extensions": ["wlh"]}, "did you mean 'whl'", id="an extension"),
    ],
)
def test_a_word_that_names_nothing_is_refused(settings: dict[str, object], words: str) -> None:
    """It is never taken for something else, nor passed over."""
    with pytest.raises(ConfigError, match=words):
        policy(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"package_types": ["bdist_future"]}, "'bdist_future'", id="type"),
        pytest.param({"extensions": ["conda"]}, "'conda'", id="extension"),
    ],
)
def test_unknown_word_warns_and_stays(settings: dict[str, object], words: str) -> None:
    (warning,) = filter_warnings(policy(**settings))
    assert words in warning
    assert warning.startswith(next(iter(settings)))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"package_types": "all", "extensions": "all", "python_versions": "all"},
        {"package_types": ["bdist_egg", "wheel"], "extensions": ["tar.gz", "bz2", "egg", "tgz"]},
        {"python_versions": ["2.7", "any", "cp27", "py2", "py2.py3", "py27", "source"]},
    ],
)
def test_known_words_do_not_warn(settings: dict[str, object]) -> None:
    assert filter_warnings(policy(**settings)) == []


@pytest.mark.parametrize(("text", "legacy"), [("1.0", False), ("1.0-dev-r5", True), ("x", True)])
def test_legacy_version_is_none(text: str, legacy: bool) -> None:
    assert (parse_version(text) is None) is legacy


def test_policy_travels_as_json() -> None:
    rules = policy(["a>=1"], exclude=["b", "c<1"])
    assert msgspec.json.decode(msgspec.json.encode(rules), type=Policy) == rules


@pytest.mark.parametrize(
    ("requirements", "settings", "words"),
    [
        (["six", "idna"], {"exclude": ["six"]}, ["'six'", "excludes six,"]),
        (["six", "idna"], {"exclude": ["s*"]}, ["'s*'", "excludes six,"]),
        (["six==1.0"], {"exclude": ["six<2"]}, ["'six<2'", "excludes six==1.0,"]),
        (["six"], {"exclude": ["six<2"]}, []),
        (["six>=2"], {"exclude": ["six==2.0"]}, []),
        (["six", "idna"], {"allow": ["idna"]}, ["allow:", "allows six,"]),
        (["six==1.0", "idna"], {"allow": ["idna"]}, []),
        (None, {"exclude": ["six"]}, []),
    ],
)
def test_requests_that_other_rules_exclude(
    requirements: list[str] | None, settings: dict[str, object], words: list[str]
) -> None:
    warnings = filter_warnings(policy(requirements, **settings))
    assert len(warnings) == bool(words)
    assert all(word in warnings[0] for word in words)
