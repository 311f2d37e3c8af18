"""Names and versions as the one-file server reads them, held against `packaging`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from microrepo.publish import server

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
    assert server.is_version(left)
    mine = server.version_key(left), server.version_key(right)
    theirs = Version(left), Version(right)
    assert (mine[0] < mine[1], mine[0] == mine[1]) == (
        theirs[0] < theirs[1],
        theirs[0] == theirs[1],
    )


@given(VERSION)
def test_prerelease_agrees_with_packaging(text):
    assert server.is_prerelease(text) == Version(text).is_prerelease


@given(st.text(alphabet="0123456789abcrpostdev.-_+!v ", max_size=12))
def test_validity_agrees_with_packaging(text):
    try:
        Version(text)
    except InvalidVersion:
        assert not server.is_version(text)
    else:
        assert server.is_version(text)


@given(st.lists(st.text(max_size=8), max_size=8), VERSION)
def test_any_text_has_a_place_before_valid_versions(texts, version):
    """Legacy versions never break the sort, whatever they hold."""
    legacy = [text for text in texts if not server.is_version(text)]
    ordered = sorted([version, *legacy], key=server.version_key)
    assert ordered[-1] == version


def test_legacy_versions_sort_by_number():
    legacy = ["r10-snap", "r9-snap", "1.0-snap"]
    assert sorted(legacy, key=server.version_key) == ["r9-snap", "r10-snap", "1.0-snap"]


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,10}[A-Za-z0-9])?", fullmatch=True))
def test_names_normalise_as_packaging_does(name):
    assert server.is_project_name(name)
    assert server.normalize_name(name) == canonicalize_name(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a b", "..", "é", "a/b", "x" * 256, "a\n"])
def test_what_is_no_project_name(name):
    assert not server.is_project_name(name)


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
    parsed = server.parse_filename(filename)
    assert parsed is not None
    assert (parsed.project, parsed.version, parsed.kind) == (*expected, "sdist")


def test_wheel_name_with_build_and_tag_sets():
    parsed = server.parse_filename("Foo_Bar-1.0+a_1-2x-py2.py3-none-manylinux1_i686.any.whl")
    assert parsed == server.Parsed(
        "Foo_Bar",
        "1.0+a-1",
        "wheel",
        ("py2", "py3"),
        ("none",),
        ("manylinux1_i686", "any"),
        "2x",
    )
    assert parsed.name == "foo-bar"


def test_egg_name_with_platform():
    parsed = server.parse_filename("foo-1.0_1-py2.7-linux-x86_64.egg")
    assert parsed == server.Parsed("foo", "1.0-1", "egg", ("py2.7",), (), ("linux-x86_64",))


@pytest.mark.parametrize(
    "filename",
    [
        "foo.whl",
        "foo-1.0.whl",
        "foo-1.0-x-py3-none-any.whl",
        "foo-1.0-py3-none-any-any-any.whl",
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
    assert server.parse_filename(filename) is None
