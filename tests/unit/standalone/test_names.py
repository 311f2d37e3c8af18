"""Names and versions as the one-file server reads them, held against `packaging`."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from microrepo.standalone.server.names import (
    FileName,
    is_project_name,
    normalize_name,
    parse_filename,
    parse_installable,
)
from microrepo.standalone.server.versions import is_prerelease, is_version, version_key

NUMBER = st.integers(0, 30).map(str)


def _optional(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.just(""), st.tuples(*parts).map("".join))


VERSION = st.tuples(
    st.sampled_from(["", "v"]),
    _optional(NUMBER, st.just("!")),
    st.lists(NUMBER, min_size=1, max_size=4).map(".".join),
    _optional(
        st.sampled_from(["", "-", "_", "."]),
        st.sampled_from(["a", "alpha", "b", "Beta", "c", "RC", "pre", "preview"]),
        st.sampled_from(["", "-", "."]),
        st.one_of(st.just(""), NUMBER),
    ),
    st.one_of(
        _optional(st.just("-"), NUMBER),
        _optional(st.sampled_from([".", "", "-"]), st.sampled_from(["post", "r", "rev"]), NUMBER),
    ),
    _optional(st.sampled_from([".", "", "_"]), st.just("dev"), NUMBER),
    _optional(
        st.just("+"), st.from_regex(r"[a-z0-9]{1,4}([-_.][a-z0-9]{1,4}){0,2}", fullmatch=True)
    ),
).map("".join)


@given(VERSION, VERSION)
def test_versions_sort_as_packaging_sorts_them(left, right):
    """PEP 440's order for any two valid versions."""
    assert is_version(left)
    mine = version_key(left), version_key(right)
    theirs = Version(left), Version(right)
    assert (mine[0] < mine[1], mine[0] == mine[1]) == (
        theirs[0] < theirs[1],
        theirs[0] == theirs[1],
    )


@given(VERSION)
def test_prerelease_agrees_with_packaging(text):
    assert is_prerelease(text) == Version(text).is_prerelease


@given(st.text(alphabet="0123456789abcrpostdev.-_+!v ", max_size=12))
def test_validity_agrees_with_packaging(text):
    try:
        Version(text)
    except InvalidVersion:
        assert not is_version(text)
    else:
        assert is_version(text)


@given(st.lists(st.text(max_size=8), max_size=8), VERSION)
def test_any_text_has_a_place_before_valid_versions(texts, version):
    """Legacy versions never break the sort, whatever they hold."""
    legacy = [text for text in texts if not is_version(text)]
    ordered = sorted([version, *legacy], key=version_key)
    assert ordered[-1] == version


def test_legacy_versions_sort_by_number():
    legacy = ["r10-snap", "r9-snap", "1.0-snap"]
    assert sorted(legacy, key=version_key) == ["r9-snap", "r10-snap", "1.0-snap"]


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?", fullmatch=True))
def test_names_normalise_as_packaging_does(name):
    assert is_project_name(name)
    assert normalize_name(name) == canonicalize_name(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "..", "é", "a/b", "x" * 256, "a\n"])
def test_what_is_no_project_name(name):
    assert not is_project_name(name)


SDISTS = {
    "foo-1.0.tar.gz": ("foo", "1.0"),
    "foo-bar-1.0.zip": ("foo-bar", "1.0"),
    "foo-1.0-2.tar.gz": ("foo", "1.0-2"),
    "abc-2-1.tgz": ("abc-2", "1"),
    "python-3.1-2.0.tar.bz2": ("python-3.1", "2.0"),
    "foo-1.0-beta1.tar.gz": ("foo", "1.0-beta1"),
    "foo-2004d.tar.gz": ("foo", "2004d"),
    "foo-1.0-SNAPSHOT.tar.gz": ("foo", "1.0-SNAPSHOT"),
    "foo-dev.tar.gz": ("foo", "dev"),
    "Foo.Bar_baz-1!2.0+local.1.TAR.GZ": ("Foo.Bar_baz", "1!2.0+local.1"),
    "foo-0.1.tar.xz": ("foo", "0.1"),
}


@pytest.mark.parametrize(("filename", "expected"), SDISTS.items(), ids=SDISTS)
def test_sdist_names(filename, expected):
    parsed = parse_filename(filename)
    assert parsed is not None
    assert (parsed.project, parsed.version, parsed.kind) == (*expected, "sdist")


def test_wheel_name_with_build_and_tag_sets():
    parsed = parse_filename("Foo_Bar-1.0+a_1-2x-py2.py3-none-manylinux1_i686.any.whl")
    assert parsed == FileName(
        "Foo_Bar",
        "1.0+a-1",
        "wheel",
        ("py2", "py3"),
        ("none",),
        ("manylinux1_i686", "any"),
        "2x",
    )
    assert parsed.name == "foo-bar"


VARIANTS = {
    "numpy-2.3.2-cp313-cp313t-musllinux_1_2_x86_64-x86_64_v3.whl": ("", "cp313", "x86_64_v3"),
    "numpy-2.3.2-1-cp313-cp313t-musllinux_1_2_x86_64-null.whl": ("1", "cp313", "null"),
    "numpy-2.3.2-2x-py3-none-any-cu12.8.whl": ("2x", "py3", "cu12.8"),
    "numpy-2.3.2-graalpy311-graalpy242_311_native-any-null.whl": ("", "graalpy311", "null"),
    # Old wheels have build tags that installers refuse now.
    "numpy-2.3.2-cu10-cp37-cp37m-linux_x86_64.whl": ("cu10", "cp37", ""),
    "numpy-2.3.2-2x-py3-none-any.whl": ("2x", "py3", ""),
}


@pytest.mark.parametrize(("filename", "expected"), VARIANTS.items(), ids=VARIANTS)
def test_variant_labels_and_build_tags(filename, expected):
    """A build tag starts with a digit, a Python tag does not (PEP 825)."""
    parsed = parse_filename(filename)
    assert parsed is not None
    assert (parsed.project, parsed.version) == ("numpy", "2.3.2")
    assert (parsed.build, parsed.pythons[0], parsed.variant) == expected
    assert len(parsed.abis) == len(parsed.platforms) == 1


def test_wheels_with_a_label_are_not_installable():
    assert parse_installable("foo-1.0-py3-none-any-null.whl") is None
    assert parse_installable("foo-1.0-1-py3-none-any-null.whl") is None


@pytest.mark.parametrize(
    "filename",
    [
        "foo-1.0-py3-none-any-UPPER.whl",
        "foo-1.0-py3-none-any-seventeen_letters.whl",
        "foo-1.0-x-py3-none-any-null.whl",
        "my-project-1.0-py3-none-any-null.whl",
        "foo-1-2-variants.json",
        "-1.0-variants.json",
        "foo--variants.json",
        "foo-variants.json",
        "variants.json",
    ],
)
def test_names_of_no_variant(filename):
    assert parse_filename(filename) is None


def test_index_of_variants():
    found = parse_filename("Foo_Bar-1.0+a_1-variants.json")
    assert found == FileName("Foo_Bar", "1.0+a-1", "variants")
    assert parse_filename("foo-1.2.3-variants.json", "foo") == FileName("foo", "1.2.3", "variants")
    assert parse_installable("foo-1.2.3-variants.json") is None


def test_wheels_of_later_formats_are_read_but_not_installable():
    parsed = parse_filename("foo-1.0-2-cp315-abi3.abi3t-any.whlx")
    assert parsed == FileName("foo", "1.0", "wheel", ("cp315",), ("abi3", "abi3t"), ("any",), "2")
    assert parse_installable("foo-1.0-py3-none-any.whlx") is None


def test_egg_name_with_platform():
    parsed = parse_filename("foo-1.0_1-py2.7-linux-x86_64.egg")
    assert parsed == FileName("foo", "1.0-1", "egg", ("py2.7",), (), ("linux-x86_64",))


@pytest.mark.parametrize(
    "filename",
    [
        "foo.whl",
        "foo-1.0.whl",
        "foo-1.0-py3-none-any-any-any.whl",
        "foo-bar-1.0-py3-none-any.whl",
        "-1.0-py3-none-any.whl",
        "foo-1.0.txt",
        "foo.tar.gz",
        "-1.0.tar.gz",
        "foo-.zip",
        "foo-1.0.tar.gz.metadata",
        "index.html",
        "../x-1.0.zip",
        "",
    ],
)
def test_names_of_no_distribution(filename):
    assert parse_filename(filename) is None


INSTALLERS = {
    "foo-1.0.exe": ("foo", "1.0", (), ()),
    "foo-1.0.win32.exe": ("foo", "1.0", (), ("win32",)),
    "foo-1.0.win-amd64-py3.5.exe": ("foo", "1.0", ("py3.5",), ("win_amd64",)),
    "foo-win32-bar-1.0.msi": ("foo-win32-bar", "1.0", (), ()),
    "FOO-1.0.DMG": ("FOO", "1.0", (), ()),
}


@pytest.mark.parametrize(("filename", "expected"), INSTALLERS.items(), ids=INSTALLERS)
def test_installer_names(filename, expected):
    parsed = parse_filename(filename)
    assert parsed is not None
    assert (parsed.project, parsed.version, parsed.pythons, parsed.platforms) == expected
    assert parsed.kind == "installer"


def test_the_known_project_decides_where_the_version_starts():
    assert parse_filename("a-1-2.tar.gz") == FileName("a-1", "2", "sdist")
    assert parse_filename("a-1-2.tar.gz", "a") == FileName("a", "1-2", "sdist")
    assert parse_filename("A_B-2020-01-01.zip", "a-b") == FileName("A_B", "2020-01-01", "sdist")
    assert parse_filename("a-1-2.tar.gz", "b") is None


PART = st.one_of(
    VERSION,
    st.sampled_from(["foo", "Foo_Bar", "a.b", "1", "01", "2020", "py3", "py2.py3", "none", "any"]),
    st.text(alphabet="ab1._ +!\u00e9", max_size=4),
)
NAMES = st.tuples(
    st.lists(PART, min_size=1, max_size=7).map("-".join),
    st.sampled_from([".whl", ".tar.gz", ".zip", ".tgz", ".WHL", ".TAR.GZ", ".exe", ""]),
).map("".join)
WHEELS = st.tuples(
    st.sampled_from(["foo", "Foo_Bar", "a.b", "a__b", "_a", "1"]),
    VERSION,
    st.sampled_from(["-1", "-2x", "-x", ""]),
    st.sampled_from(["py3", "py2.py3", "cp313", "3"]),
    st.sampled_from(["none", "abi3", "cp313t"]),
    st.sampled_from(["any", "linux_x86_64.any", "win32"]),
    st.sampled_from(["", "", "-null", "-x86_64_v3", "-1", "-py3"]),
).map(lambda parts: "{}-{}{}-{}-{}-{}{}.whl".format(*parts))


def _by_packaging(filename: str) -> Any:
    """Return name, version and tags as `packaging` reads them, None where it refuses."""
    try:
        if filename.endswith(".whl"):
            name, version, build, tags = parse_wheel_filename(filename)
            return name, version, bool(build), {str(tag) for tag in tags}
        name, version = parse_sdist_filename(filename)
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return name, version, False, set()


def _project_of(filename: str) -> str:
    return filename.partition("-")[0] if filename.endswith(".whl") else filename.rpartition("-")[0]


def _tags(parsed: FileName) -> set[str]:
    groups = (parsed.pythons, parsed.abis, parsed.platforms)
    return {"-".join(tag) for tag in itertools.product(*groups)} - {""}


@given(NAMES | WHEELS)
def test_what_is_installable_agrees_with_packaging(filename):
    """The two read all names alike; `packaging` cares less for the project's name."""
    mine = parse_installable(filename)
    theirs = None if filename.endswith(".tgz") else _by_packaging(filename)
    if mine is None:
        assert theirs is None or not is_project_name(_project_of(filename))
    elif not filename.endswith(".tgz"):
        version = Version(mine.version)
        assert (mine.name, version, bool(mine.build), _tags(mine)) == theirs


@given(NAMES | WHEELS)
def test_a_lenient_reading_takes_all_that_is_installable(filename):
    strict, lenient = parse_installable(filename), parse_filename(filename)
    if strict is None:
        return
    assert lenient is not None
    assert parse_filename(filename, strict.name) is not None
    if strict.kind == "wheel" or "-" not in lenient.version:
        assert lenient == strict
