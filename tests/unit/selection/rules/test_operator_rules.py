"""Rules of mirror operators: allow lists, patterns, metadata, sizes, platforms, advisories."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microrepo.config.load import convert
from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement import parse_requirements
from microrepo.model import (
    FACTS,
    Cause,
    Decision,
    Digests,
    File,
    Info,
    NormalizedName,
    Project,
    Vulnerability,
)
from microrepo.selection.environments.platform_patterns import platform_tags
from microrepo.selection.rules.affected_releases import affecting
from microrepo.selection.rules.decisions import select, split_candidates
from microrepo.selection.rules.policy import Policy, build_policy

NOW = "2026-05-31T12:00:00.000000Z"
FOO = NormalizedName("foo")


def file(filename: str, **about: Any) -> File:
    package_type = "bdist_wheel" if filename.endswith(".whl") else "sdist"
    values: dict[str, Any] = {
        "version": filename.removesuffix(".tar.gz").split("-")[1],
        "package_type": package_type,
        "digests": Digests("a" * 64),
        "size": 10,
        "upload_time": "2026-01-01T00:00:00.000000Z",
        **about,
    }
    return File(filename=filename, url=f"https://f.example/{filename}", **values)


def wheel(version: str, tags: str = "py3-none-any", **about: Any) -> File:
    return file(f"foo-{version}-{tags}.whl", **about)


def project(*files: File, **about: Any) -> Project:
    return Project(FOO, "Foo", files=files, **about)


def policy(requirements: list[str] | None = None, /, **settings: Any) -> Policy:
    defaults = {"python_versions": "all", "versions": "all"}
    return build_policy(
        convert({**defaults, **settings}, "test"),
        None if requirements is None else parse_requirements(requirements),
    )


def decide(
    it: Project, requirements: list[str] | None = None, /, **settings: Any
) -> dict[str, Decision]:
    decisions = select(it, policy(requirements, **settings), NOW)
    assert len(decisions) == len(it.files)
    return {decision.file.filename: decision for decision in decisions}


def kept(it: Project, requirements: list[str] | None = None, /, **settings: Any) -> list[str]:
    """Versions of which something is kept."""
    found = decide(it, requirements, **settings).values()
    return sorted({decision.file.version for decision in found if decision.keep})


def why(it: Project, requirements: list[str] | None = None, /, **settings: Any) -> set[Any]:
    """Reasons and words of what is left out."""
    found = decide(it, requirements, **settings).values()
    return {(d.cause, d.detail) for d in found if not d.keep}


THREE = project(wheel("1.0"), wheel("1.5"), wheel("2.0"))

# --- lists ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        (["foo"], ["1.0", "1.5", "2.0"]),
        (["Foo"], ["1.0", "1.5", "2.0"]),
        (["f*"], ["1.0", "1.5", "2.0"]),
        (["re:oo$"], ["1.0", "1.5", "2.0"]),
        (["re:^oo"], []),
        (["bar", "b*", "re:b"], []),
        (["foo<1.2"], ["1.0"]),
        (["foo<1.2", "foo==2.0"], ["1.0", "2.0"]),
        (["foo<1.2", "foo"], ["1.0", "1.5", "2.0"]),
        ([], ["1.0", "1.5", "2.0"]),
    ],
)
def test_allow(allow: list[str], expected: list[str]) -> None:
    assert kept(THREE, allow=allow) == expected
    # Dependencies obey the same rule.
    files, rejected = split_candidates(THREE, policy([], allow=allow), NOW)
    assert sorted(one.version for one in files) == expected
    assert {one.cause for one in rejected} <= {Cause.NOT_ALLOWED}


def test_what_is_not_allowed_need_not_be_asked_for() -> None:
    rules = policy(allow=["foo<1", "b*", "re:^x"], exclude=["bar"])
    names = ("foo", "baz", "xyz", "bar", "other")
    left_out = {name for name in names if rules.leaves_out(NormalizedName(name))}
    assert left_out == {"bar", "other"}


def test_allow_says_what_it_misses() -> None:
    assert why(THREE, allow=["bar"]) == {(Cause.NOT_ALLOWED, "no entry of `allow` names it")}
    assert why(project(wheel("1.0")), allow=["foo>1"]) == {
        (Cause.NOT_ALLOWED, "no entry of `allow` admits foo 1.0")
    }


def test_exclude_by_regular_expression() -> None:
    assert why(THREE, exclude=["re:^f.o$"]) == {(Cause.EXCLUDED, "exclude: re:^f.o$")}


def test_exclude_beats_allow_and_pins() -> None:
    assert kept(THREE, allow=["foo"], exclude=["foo<1.2"]) == ["1.5", "2.0"]
    assert kept(THREE, ["foo==1.0"], exclude=["foo"]) == []
    assert kept(THREE, ["foo==1.0"], exclude=["foo<1.2"]) == []


def test_pins_pass_what_looks_at_projects_and_releases() -> None:
    pinned = ["foo", "foo==1.0"]
    assert kept(THREE, pinned, allow=["bar"]) == ["1.0"]
    assert kept(THREE, pinned, allow=["foo>1.8"], versions=1) == ["1.0", "2.0"]
    assert kept(THREE, pinned, exclude_releases=["^1"]) == ["1.0", "2.0"]
    assert kept(THREE, pinned, allow_releases=["^2"]) == ["1.0", "2.0"]
    assert kept(THREE, pinned, metadata={"summary": {"missing": "drop"}}) == ["1.0"]
    # ... but not what looks at files.
    assert kept(THREE, pinned, exclude_files=["-1\\.0-"]) == ["1.5", "2.0"]


def test_pins_in_allow_stand_beside_the_newest() -> None:
    assert kept(THREE, allow=["foo", "foo==1.0"], versions=1) == ["1.0", "2.0"]
    assert kept(THREE, allow=["foo==1.5", "foo==1.0"], versions=1) == ["1.0", "1.5"]
    # One that would be wanted anyway counts among the newest.
    assert kept(THREE, allow=["foo", "foo==2.0"], versions=1) == ["2.0"]
    # A list of what may pass asks for nothing.
    assert kept(THREE, ["foo>1.8"], allow=["foo==1.0"]) == []


def test_a_pinned_prerelease_in_allow_is_kept() -> None:
    assert kept(project(wheel("1.0b1"), wheel("1.0b2")), allow=["foo", "foo==1.0b1"]) == ["1.0b1"]


@pytest.mark.parametrize("key", ["allow", "exclude", "min_age_exempt"])
@pytest.mark.parametrize("entry", ["foo bar", "re:(", "<1.0", "-r", "foo>=1.x"])
def test_no_entry(key: str, entry: str) -> None:
    with pytest.raises(ConfigError, match=f"^{key}: "):
        policy(**{key: [entry]})


# --- patterns -------------------------------------------------------------------------------------


def test_patterns_on_files() -> None:
    it = project(wheel("1.0"), wheel("1.0", "cp27-cp27m-win32"), file("foo-1.0.tar.gz"))
    found = decide(it, exclude_files=["-cp2\\d-", "\\.tar\\."])
    assert [name for name, one in found.items() if one.keep] == ["foo-1.0-py3-none-any.whl"]
    assert found["foo-1.0.tar.gz"].cause is Cause.FILE_PATTERN
    assert found["foo-1.0.tar.gz"].detail == "exclude_files: \\.tar\\."
    found = decide(it, allow_files=["^foo.*\\.whl$"], exclude_files=["win"])
    assert [name for name, one in found.items() if one.keep] == ["foo-1.0-py3-none-any.whl"]


def test_patterns_on_releases() -> None:
    assert kept(THREE, exclude_releases=["\\.5$"]) == ["1.0", "2.0"]
    assert kept(THREE, allow_releases=["^1", "^3"]) == ["1.0", "1.5"]
    # The newest are counted among what is left.
    assert kept(THREE, exclude_releases=["^2"], versions=1) == ["1.5"]
    assert why(project(wheel("1.0")), exclude_releases=["0$"]) == {
        (Cause.RELEASE_PATTERN, "exclude_releases: 0$")
    }


@pytest.mark.parametrize(
    "key", ["allow_files", "exclude_files", "allow_releases", "exclude_releases"]
)
def test_no_regular_expression(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"\$\.{key}\[1\]: '\(' is not a regular expression"):
        policy(**{key: ["a", "("]})


# --- metadata -------------------------------------------------------------------------------------

TOLD = project(
    wheel("1.0"),
    info=Info(
        version="1.0",
        license="MIT",
        classifiers=("Private :: Do Not Upload", "Framework :: Django"),
        project_urls={"Homepage": "https://foo.example/"},
        platform="any",
    ),
    facts=FACTS,
)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({"license": {"any": ["GPL", "MIT"]}}, True),
        ({"license": {"any": ["GPL"]}}, False),
        ({"license": {"none": ["MIT"]}}, False),
        ({"classifiers": {"all": ["Django", "^Private"]}}, True),
        ({"classifiers": {"all": ["Django", "Flask"]}}, False),
        ({"classifiers": {"any": ["Django", "Flask"], "none": ["^Private"]}}, False),
        ({"info.classifiers": {"any": ["Django"]}}, True),
        ({"project_urls.Homepage": {"any": ["^https:"]}}, True),
        ({"project_urls.Source": {"any": ["^https:"]}}, True),
        ({"project_urls.Source": {"any": ["^https:"], "missing": "drop"}}, False),
        ({"project_urls": {"none": ["foo"]}}, False),
        ({"summary": {"missing": "drop"}}, False),
        ({"summary": {"any": ["x"]}}, True),
        ({"name": {"any": ["^Foo$"]}}, True),
        ({"license": {"any": ["MIT"]}, "summary": {"missing": "drop"}}, False),
        ({"platform": {"none": ["any"]}}, False),
    ],
)
def test_metadata(rules: dict[str, Any], expected: bool) -> None:
    assert bool(kept(TOLD, metadata=rules)) is expected
    assert bool(split_candidates(TOLD, policy([], metadata=rules), NOW)[0]) is expected


def test_metadata_names_field_and_pattern() -> None:
    assert why(TOLD, metadata={"license": {"none": ["^M"]}}) == {
        (Cause.METADATA, "metadata: license: 'MIT' matches '^M' of `none`")
    }


def test_what_an_old_record_cannot_tell_breaks_no_rule() -> None:
    old = msgspec.structs.replace(TOLD, facts=0)
    new = {"platform": {"none": ["any"], "missing": "drop"}}
    assert kept(old, metadata=new) == ["1.0"]
    assert policy(metadata=new).facts_needed == FACTS
    assert policy(metadata={"license": {}}).facts_needed == 0


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"licence": {}}, r"\$\.metadata\.licence: .* did you mean 'license'"),
        ({"license.x": {}}, "is not a field"),
        ({"license": {"any": ["("]}}, r"metadata.license.any\[0\]: '\(' is not a regular"),
        ({"license": {"some": []}}, "unknown field"),
        ({"license": {"missing": "no"}}, "Invalid enum value"),
    ],
)
def test_no_metadata_rule(metadata: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        policy(metadata=metadata)


# --- size and number of versions ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"max_project_size": 29}, Cause.PROJECT_SIZE),
        ({"max_project_size": 30}, None),
        ({"min_versions": 4}, Cause.VERSION_COUNT),
        ({"min_versions": 3}, None),
        ({"max_versions": 2}, Cause.VERSION_COUNT),
        ({"max_versions": 3}, None),
    ],
)
def test_extent(rule: dict[str, int], reason: Cause | None) -> None:
    assert {one for one, _ in why(THREE, **rule)} == ({reason} if reason else set())
    # Pinned, or named in `allow`: exempt; admitted by a pattern: not.
    assert kept(THREE, ["foo", "foo==1.0"], **rule) == ["1.0", "1.5", "2.0"]
    assert kept(THREE, allow=["Foo"], **rule) == ["1.0", "1.5", "2.0"]
    assert bool(kept(THREE, allow=["f*"], **rule)) is (reason is None)


# --- platforms and Pythons ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("excluded", "tag", "expected"),
    [
        (["windows"], "win_amd64", False),
        (["windows"], "win32", False),
        (["windows"], "any", True),
        (["macos"], "macosx_11_0_arm64", False),
        (["macos"], "macosx_10_9_x86_64.manylinux_2_17_x86_64", True),
        (["linux"], "manylinux_2_17_x86_64.manylinux2014_x86_64", False),
        (["linux"], "musllinux_1_2_x86_64", False),
        (["manylinux2014_*"], "manylinux_2_17_x86_64.manylinux2014_x86_64", True),
        (["*_aarch64", "*_i686"], "manylinux_2_28_aarch64", False),
        (["freebsd"], "freebsd_13_amd64", False),
        (["windows"], "linux_x86_64", True),
    ],
)
def test_excluded_platforms(excluded: list[str], tag: str, expected: bool) -> None:
    it = project(wheel("1.0", f"cp312-cp312-{tag}"), file("foo-1.0-linux-x86_64.tar.gz"))
    found = {name for name, one in decide(it, exclude_platforms=excluded).items() if one.keep}
    assert "foo-1.0-linux-x86_64.tar.gz" in found
    assert (len(found) == 2) is expected


def test_platforms_in_and_out_together() -> None:
    both = {"platforms": ["manylinux*", "any"], "exclude_platforms": ["manylinux1_*"]}
    it = project(
        wheel("1.0"),
        wheel("1.1", "cp312-cp312-manylinux1_x86_64"),
        wheel("1.2", "cp312-cp312-manylinux1_x86_64.manylinux_2_17_x86_64"),
        wheel("1.3", "cp312-cp312-manylinux1_x86_64.win32"),
    )
    assert kept(it, **both) == ["1.0", "1.2"]


@pytest.mark.parametrize(
    ("filename", "package_type", "tags"),
    [
        ("foo-1.0.win32-py2.7.exe", "bdist_wininst", ("win32",)),
        ("foo-1.0.win-amd64-py2.7.msi", "bdist_msi", ("win_amd64",)),
        ("foo-1.0.exe", "bdist_wininst", ("win32",)),
        ("foo-1.0-py2.7-macosx-10.9-intel.egg", "bdist_egg", ("macosx_10_9_intel",)),
        ("foo-1.0-py2.7.egg", "bdist_egg", ()),
        ("foo-1.0.linux-x86_64.tar.gz", "bdist_dumb", ("linux_x86_64",)),
        ("foo-1.0-1.noarch.rpm", "bdist_rpm", ("linux_any",)),
        ("foo-1.0.win32.zip", "sdist", ()),
    ],
)
def test_platform_of_older_formats(filename: str, package_type: str, tags: tuple[str, ...]) -> None:
    assert platform_tags(file(filename, version="1.0", package_type=package_type)) == tags


@pytest.mark.parametrize(
    ("pythons", "expected"),
    [
        (["3.12"], ["1.0", "2.0", "3.0"]),
        (["3.8"], ["1.0", "3.0"]),
        (["2.7"], ["3.0"]),
        (["2.7", "3.12"], ["1.0", "2.0", "3.0"]),
        (["3.9.1"], ["1.0", "3.0"]),
        (["3.9.2"], ["1.0", "2.0", "3.0"]),
        ([], ["1.0", "2.0", "3.0"]),
    ],
)
def test_requires_python(pythons: list[str], expected: list[str]) -> None:
    it = project(
        wheel("1.0", requires_python=">=3.6.*"),
        wheel("2.0", requires_python=">=3.9.2"),
        wheel("3.0", requires_python="nonsense"),
    )
    assert kept(it, requires_python=pythons) == expected


@pytest.mark.parametrize("text", ["3", "x", "cp312", ">=3.8"])
def test_no_python(text: str) -> None:
    with pytest.raises(ConfigError, match=r"requires_python: .* is not a Python"):
        policy(requires_python=[text])


# --- time -----------------------------------------------------------------------------------------


def test_newest_by_time() -> None:
    def at(day: str) -> dict[str, str]:
        return {"upload_time": f"2026-01-{day}T00:00:00.000000Z"}

    it = project(
        wheel("1.0.1", **at("05")),
        wheel("2.0", **at("04")),
        wheel("1.0", **at("01")),
        file("foo-1.0.tar.gz", **at("09")),  # a late file makes no release new
        wheel("3.0", upload_time=None),
    )
    assert kept(it, versions=1, newest_by="time") == ["1.0.1"]
    assert kept(it, versions=2, newest_by="time") == ["1.0.1", "2.0"]
    assert kept(it, versions=2) == ["2.0", "3.0"]


def test_what_need_not_ripen() -> None:
    young = {"upload_time": "2026-05-30T00:00:00.000000Z"}
    it = project(wheel("1.0"), wheel("1.1", **young), wheel("2.0", **young))
    assert kept(it, min_age_days=7) == ["1.0"]
    assert kept(it, min_age_days=7, min_age_exempt=["foo==2.0"]) == ["1.0", "2.0"]
    assert kept(it, min_age_days=7, min_age_exempt=["f*"]) == ["1.0", "1.1", "2.0"]
    assert kept(it, min_age_days=7, min_age_exempt=["bar"]) == ["1.0"]
    files, _ = split_candidates(it, policy([], min_age_days=7, min_age_exempt=["foo>1.5"]), NOW)
    assert sorted(one.version for one in files) == ["1.0", "2.0"]


# --- advisories -----------------------------------------------------------------------------------

FLAW = Vulnerability("PYSEC-1", ("CVE-1",), fixed_in=("1.0.5", "3.0"))


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.0", True),
        ("2.0.0", True),
        ("1.5", True),  # older, and nothing says that it is better
        ("1.0.4", True),
        ("1.0.5", False),
        ("1.0.6", False),
        ("2.1b1", False),  # newer than what is described
        ("3.0", False),
        ("old", True),
    ],
)
def test_which_releases_an_advisory_concerns(version: str, expected: bool) -> None:
    it = project(info=Info(version="2.0"), vulnerabilities=(FLAW,))
    assert bool(affecting(it, version)) is expected


def test_refused_releases() -> None:
    it = project(
        wheel("2.0"),
        wheel("1.0.5"),
        wheel("1.5"),
        info=Info(version="2.0"),
        vulnerabilities=(FLAW,),
    )
    assert kept(it, vulnerabilities="report") == ["1.0.5", "1.5", "2.0"]
    assert kept(it, vulnerabilities="refuse", versions=1) == ["1.0.5"]
    assert kept(it, ["foo", "foo==2.0"], vulnerabilities="refuse", versions=1) == ["1.0.5", "2.0"]
    assert why(it, vulnerabilities="refuse") == {
        (Cause.VULNERABLE, "PYSEC-1 (CVE-1), fixed in 1.0.5, 3.0")
    }
    files, rejected = split_candidates(it, policy([], vulnerabilities="refuse"), NOW)
    assert [one.version for one in files] == ["1.0.5"]
    assert {one.cause for one in rejected} == {Cause.VULNERABLE}


# --- fingerprints ---------------------------------------------------------------------------------

EACH: dict[str, Any] = {
    "allow": ["foo"],
    "exclude": ["re:x"],
    "allow_files": ["x"],
    "exclude_files": ["x"],
    "allow_releases": ["x"],
    "exclude_releases": ["x"],
    "metadata": {"license": {"any": ["x"]}},
    "max_project_size": 1,
    "min_versions": 1,
    "max_versions": 1,
    "vulnerabilities": "refuse",
    "exclude_platforms": ["windows"],
    "requires_python": ["3.9"],
    "newest_by": "time",
    "min_age_exempt": ["foo"],
}


def test_each_rule_changes_the_fingerprint() -> None:
    found = {policy(**{key: value}).fingerprint() for key, value in EACH.items()}
    assert len(found | {policy().fingerprint()}) == len(EACH) + 1


def test_the_fingerprint_does_not_depend_on_the_order() -> None:
    one = policy(allow=["b", "a", "re:x", "re:y", "c<1"], exclude_files=["x", "y"])
    other = policy(allow=["c<1", "re:y", "re:x", "a", "b"], exclude_files=["y", "x"])
    assert one.fingerprint() == other.fingerprint()
