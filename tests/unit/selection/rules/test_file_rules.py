"""One predicate per reason: what each rule leaves out, and in which words."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from microrepo.formats.version_numbers import parse_version
from microrepo.model import Cause, Digests, File, NormalizedName
from microrepo.selection.environments.python_versions import parse_python_words
from microrepo.selection.rules.file_rules import check_file, targets_served
from microrepo.selection.rules.patterns import parse_patterns
from microrepo.selection.rules.policy import Policy, Rejection
from microrepo.selection.rules.release_rules import check_release, has_pin, is_pinned

NOW = "2026-05-31T12:00:00.000000Z"
FOO = NormalizedName("foo")
WHEEL = File(
    "foo-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "https://f.example/x",
    "1.0",
    "bdist_wheel",
    Digests("a" * 64),
    size=1000,
    upload_time="2026-05-01T00:00:00.000000Z",
)
SDIST = msgspec.structs.replace(WHEEL, filename="foo-1.0.tar.gz", package_type="sdist")


def wheel(**changes: object) -> File:
    return msgspec.structs.replace(WHEEL, **changes)


def reason_of(rejection: Rejection | None) -> Cause | None:
    return None if rejection is None else rejection[0]


# --- releases -----------------------------------------------------------------------------------------


def release(version: str, *specifiers: str, **rules: object) -> Cause | None:
    requested = {FOO: specifiers} if specifiers else None
    policy = Policy(requested=requested, **rules)  # type: ignore[arg-type]
    return reason_of(check_release(FOO, parse_version(version), version, policy))


@pytest.mark.parametrize(
    ("version", "specifiers", "expected"),
    [
        pytest.param("1.0", [], None, id="everything is wanted"),
        pytest.param("1.0", [""], None, id="any version"),
        pytest.param("1.0", [">=1"], None, id="within"),
        pytest.param("0.9", [">=1"], Cause.NOT_REQUESTED, id="without"),
        pytest.param("1.0", ["<0.5", ">=1"], None, id="one of two admits it"),
        pytest.param("0.7", ["<0.5", ">=1"], Cause.NOT_REQUESTED, id="neither admits it"),
        pytest.param("1.0.post1", ["==1.0"], Cause.NOT_REQUESTED, id="a post release is another"),
        pytest.param("1.0+local", ["==1.0"], None, id="a local version is not"),
    ],
)
def test_requested_versions(version: str, specifiers: list[str], expected: Cause | None) -> None:
    assert release(version, *specifiers) is expected


def test_project_that_nobody_requested() -> None:
    policy = Policy(requested={NormalizedName("bar"): ("",)})
    assert reason_of(check_release(FOO, parse_version("1.0"), "1.0", policy)) is (
        Cause.NOT_REQUESTED
    )


@pytest.mark.parametrize(
    ("version", "specifiers", "allowed", "expected"),
    [
        pytest.param("2.0b1", [], False, Cause.PRERELEASE, id="left out"),
        pytest.param("2.0.dev1", [""], False, Cause.PRERELEASE, id="development release"),
        pytest.param("2.0rc1", [">=1"], False, Cause.PRERELEASE, id="requirement names none"),
        pytest.param("2.0b1", [], True, None, id="allowed"),
        pytest.param("2.0b2", [">=2.0b1"], False, None, id="requirement names one"),
        pytest.param("2.0b1", ["==2.0b1"], False, None, id="requirement pins one"),
        pytest.param("2.0b1", ["<3", ">=2.0b1"], False, None, id="one requirement names one"),
        pytest.param(
            "2.0b1", ["<3", ">=2.5b1"], False, Cause.PRERELEASE, id="but another is named"
        ),
    ],
)
def test_prereleases(
    version: str, specifiers: list[str], allowed: bool, expected: Cause | None
) -> None:
    assert release(version, *specifiers, prereleases=allowed) is expected


@pytest.mark.parametrize(
    ("version", "specifiers", "expected"),
    [
        pytest.param("1.0-final-2", [], None, id="everything is wanted"),
        pytest.param("1.0-final-2", [""], None, id="any version"),
        pytest.param("1.0-final-2", [">=0"], Cause.INVALID_VERSION, id="no specifier admits it"),
    ],
)
def test_legacy_versions(version: str, specifiers: list[str], expected: Cause | None) -> None:
    assert release(version, *specifiers) is expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.19", Cause.EXCLUDED), ("1.20b1", Cause.PRERELEASE), ("1.20", None)],
)
def test_excluded_releases(version: str, expected: Cause | None) -> None:
    assert (
        release(version, excluded=parse_patterns(["foo<1.20", "foo==3.0"], "exclude")) is expected
    )


# --- pins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("specifier", "version", "expected"),
    [
        ("==1.0", "1.0", True),
        ("==1.0", "1.0.0", True),
        ("==1.0", "1.1", False),
        ("===1.0", "1.0", True),
        ("==1.*", "1.0", False),
        (">=1.0", "1.0", False),
        ("~=1.0", "1.0", False),
        ("==1.0,!=2", "1.0", True),
        ("==2.0b1", "2.0b1", True),
    ],
)
def test_pin(specifier: str, version: str, expected: bool) -> None:
    policy = Policy(requested={FOO: ("<0.1", specifier)})
    assert is_pinned(FOO, parse_version(version), policy) is expected


def test_nothing_is_pinned_where_everything_is_wanted() -> None:
    assert not has_pin(FOO, Policy())
    assert not is_pinned(FOO, parse_version("1.0"), Policy())


# --- files --------------------------------------------------------------------------------------------


def verdict(file: File, /, pinned: bool = False, **rules: Any) -> Cause | None:
    return reason_of(check_file(file, Policy(**rules), NOW, pinned=pinned))


@pytest.mark.parametrize(
    ("file", "rules", "expected"),
    [
        pytest.param(WHEEL, {}, None, id="no rules"),
        pytest.param(wheel(filename="../../etc/x"), {}, Cause.UNSAFE_NAME, id="traversal"),
        pytest.param(wheel(filename="a" * 300), {}, Cause.UNSAFE_NAME, id="300 characters"),
        pytest.param(wheel(filename="a\nb.whl"), {}, Cause.UNSAFE_NAME, id="control character"),
        pytest.param(WHEEL, {"package_types": ("sdist",)}, Cause.PACKAGE_TYPE, id="type"),
        pytest.param(WHEEL, {"package_types": ()}, Cause.PACKAGE_TYPE, id="no type at all"),
        pytest.param(WHEEL, {"package_types": ("bdist_wheel",)}, None, id="listed type"),
        pytest.param(WHEEL, {"extensions": ("gz", "zip")}, Cause.EXTENSION, id="extension"),
        pytest.param(WHEEL, {"extensions": ("whl",)}, None, id="listed extension"),
        pytest.param(SDIST, {"extensions": ("gz",)}, None, id="gz stands for tar.gz"),
        pytest.param(SDIST, {"extensions": ("tar.gz",)}, None, id="tar.gz itself"),
        pytest.param(SDIST, {"extensions": ("z",)}, Cause.EXTENSION, id="half an extension"),
        pytest.param(wheel(yanked=True), {}, Cause.YANKED, id="yanked"),
        pytest.param(wheel(yanked=True), {"yanked": True}, None, id="yanked are kept"),
        pytest.param(wheel(digests=Digests()), {}, Cause.NO_DIGEST, id="no digest"),
        pytest.param(
            wheel(digests=Digests()), {"require_digests": False}, None, id="digests not needed"
        ),
        pytest.param(
            wheel(digests=Digests(), url="file:///srv/x.whl"), {}, None, id="of this machine"
        ),
        pytest.param(wheel(digests=Digests(md5="a" * 32)), {}, None, id="md5 is a digest"),
        pytest.param(WHEEL, {"max_file_bytes": 1000}, None, id="as large as allowed"),
        pytest.param(WHEEL, {"max_file_bytes": 999}, Cause.TOO_LARGE, id="too large"),
        pytest.param(wheel(size=None), {"max_file_bytes": 1}, None, id="size unknown"),
    ],
)
def test_file(file: File, rules: dict[str, Any], expected: Cause | None) -> None:
    assert verdict(file, **rules) is expected


def test_pinned_file_is_kept_though_yanked() -> None:
    assert verdict(wheel(yanked=True), pinned=True) is None


def test_pinned_file_obeys_the_other_rules() -> None:
    assert verdict(WHEEL, pinned=True, max_file_bytes=5) is Cause.TOO_LARGE


@pytest.mark.parametrize(
    ("file", "patterns", "kept"),
    [
        pytest.param(WHEEL, ("manylinux*_x86_64",), True, id="pattern"),
        pytest.param(WHEEL, ("manylinux2014_x86_64",), True, id="second tag"),
        pytest.param(WHEEL, ("any", "win_amd64"), False, id="other platforms"),
        pytest.param(WHEEL, (), False, id="none"),
        pytest.param(wheel(filename="foo-1.0-py3-none-any.whl"), ("any",), True, id="any"),
        pytest.param(wheel(filename="foo-1.0-py3-none-any.whl"), ("win*",), False, id="not any"),
        pytest.param(wheel(filename="foo-1.0-cp311-cp311-Win_AMD64.whl"), ("win*",), True, id="W"),
        pytest.param(SDIST, ("win_amd64",), True, id="an sdist has no platform"),
    ],
)
def test_platforms(file: File, patterns: tuple[str, ...], kept: bool) -> None:
    assert verdict(file, platforms=patterns) is (None if kept else Cause.PLATFORM)


@pytest.mark.parametrize(
    ("uploaded", "rules", "expected"),
    [
        pytest.param(
            "2026-05-01T00:00:00.000000Z",
            {"uploaded_before": "2026-05-01T00:00:00.000000Z"},
            Cause.TOO_LATE,
            id="at that moment",
        ),
        pytest.param(
            "2026-04-30T23:59:59.999999Z",
            {"uploaded_before": "2026-05-01T00:00:00.000000Z"},
            None,
            id="just before",
        ),
        pytest.param(
            None, {"uploaded_before": "2026-05-01T00:00:00.000000Z"}, Cause.TOO_LATE, id="unknown"
        ),
        pytest.param(None, {"min_age_days": 1}, Cause.TOO_LATE, id="age unknown"),
        pytest.param(None, {}, None, id="nobody asks for the time"),
        pytest.param("2026-05-30T12:00:00.000000Z", {"min_age_days": 1}, None, id="old enough"),
        pytest.param(
            "2026-05-30T12:00:00.000001Z", {"min_age_days": 1}, Cause.TOO_YOUNG, id="too young"
        ),
        pytest.param(
            "9999-12-31T00:00:00.000000Z", {"min_age_days": 1}, Cause.TOO_YOUNG, id="far future"
        ),
        pytest.param("0001-01-01T00:00:00.000000Z", {"min_age_days": 36500}, None, id="far past"),
    ],
)
def test_upload_time(uploaded: str | None, rules: dict[str, Any], expected: Cause | None) -> None:
    assert verdict(wheel(upload_time=uploaded), **rules) is expected


def test_yanked_says_why() -> None:
    found = check_file(wheel(yanked=True, yanked_reason="broken"), Policy(), NOW, pinned=False)
    assert found == (Cause.YANKED, "broken")


# --- Pythons ------------------------------------------------------------------------------------------


def served(file: File, *words: str) -> tuple[list[str], Cause | None]:
    policy = Policy(pythons=parse_python_words(list(words)) if words else None)
    targets, rejection = targets_served(file, policy)
    return [str(target) for target in targets], reason_of(rejection)


@pytest.mark.parametrize(
    ("file", "words", "expected"),
    [
        pytest.param(WHEEL, [], (["None"], None), id="no filter"),
        pytest.param(WHEEL, ["3.11"], (["3.11"], None), id="its Python"),
        pytest.param(WHEEL, ["3.10", "3.12"], ([], Cause.PYTHON), id="other Pythons"),
        pytest.param(SDIST, ["3.10", "3.12"], (["3.10", "3.12"], None), id="an sdist"),
        pytest.param(
            wheel(filename="foo-1.0-cp38-abi3-win32.whl"),
            ["3.7", "3.8", "3.12", "3.13t"],
            (["3.8", "3.12"], None),
            id="stable ABI",
        ),
        pytest.param(
            msgspec.structs.replace(SDIST, requires_python=">=3.11"),
            ["3.10", "3.11", "3.12"],
            (["3.11", "3.12"], None),
            id="requires-python narrows",
        ),
        pytest.param(
            msgspec.structs.replace(SDIST, requires_python=">=3.13"),
            ["3.10", "3.11"],
            ([], Cause.REQUIRES_PYTHON),
            id="requires-python admits none",
        ),
        pytest.param(WHEEL, ["3.10", "py3", "any"], ([], Cause.PYTHON), id="words beside a Python"),
        pytest.param(WHEEL, ["py3"], ([], Cause.PYTHON), id="words alone, binary wheel"),
        pytest.param(
            wheel(filename="foo-1.0-py2.py3-none-any.whl"), ["py3"], (["None"], None), id="py2.py3"
        ),
        pytest.param(
            wheel(filename="foo-1.0-py3-none-any.whl"),
            ["py2.py3"],
            ([], Cause.PYTHON),
            id="py3 is not py2.py3",
        ),
        pytest.param(SDIST, ["source"], (["None"], None), id="source"),
        pytest.param(SDIST, ["py3"], ([], Cause.PYTHON), id="source is not listed"),
        pytest.param(
            msgspec.structs.replace(SDIST, requires_python="<3"),
            ["source"],
            (["None"], None),
            id="without a Python nothing is required of it",
        ),
        pytest.param(WHEEL, ["ip27"], ([], Cause.PYTHON), id="unknown word alone"),
    ],
)
def test_pythons_served(
    file: File, words: list[str], expected: tuple[list[str], Cause | None]
) -> None:
    assert served(file, *words) == expected


@pytest.mark.parametrize(
    ("project", "filename", "other"),
    [
        ("foo", "foo-1.0-py3-none-any.whl", None),
        ("foo-bar", "Foo.Bar-1.0-py3-none-any.whl", None),
        ("foo", "good-9.9-py3-none-any.whl", "good"),
        ("foo", "foo_bar-1.0-py3-none-any.whl", "foo-bar"),
        ("foo", "foo-1.0.tar.gz", None),
        ("foo-bar", "foo-bar-1.0.tar.gz", None),
        ("foo", "foo-bar-1.0.tar.gz", "foo-bar"),
        ("foo", "foo-2020-01-01.tar.gz", None),
        ("foo", "foo-beta.tar.gz", None),
        ("foo", "good-1.0.tar.gz", "good"),
        ("foo", "good-1.0.zip", "good"),
        ("foo", "good-1.0-py3.9.egg", "good"),
        ("foo", "foo-1.0.win32-py2.7.exe", None),
        ("foo", "nothing.zip", None),
    ],
)
def test_a_file_named_as_another_projects_is_refused(
    project: str, filename: str, other: str | None
) -> None:
    file = File(filename, "https://f.example/x", "1.0", "bdist_wheel", Digests("a" * 64))
    found = check_file(file, Policy(), NOW, pinned=True, project=NormalizedName(project))
    if other is None:
        assert found is None or found[0] is not Cause.UNSAFE_NAME
    else:
        assert found == (Cause.UNSAFE_NAME, f"its name belongs to the project {other}")
