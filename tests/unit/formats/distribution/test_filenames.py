"""What file names say: safety, type, extension, wheel tags, version."""

from __future__ import annotations

import pytest

from microrepo.formats.distribution.filenames import (
    egg_python,
    extension_of,
    guess_release,
    package_type_of,
    parse_candidate_name,
    parse_wheel_name,
    python_label,
    split_release,
    unsafe_filename,
)
from microrepo.standalone.server.names import FileName


@pytest.mark.parametrize(
    "filename",
    [
        "foo-1.0-py3-none-any.whl",
        "foo-1.0.tar.gz",
        "Foo.Bar_baz-1.0.zip",
        "naïve-1.0.tar.gz",
        "包-1.0-py3-none-any.whl",
        "-rf-1.0.tar.gz",
        "~foo-1.0.tar.gz",
        "foo 1.0.tar.gz",
        "console-1.0.tar.gz",
        "simple-1.0.tar.gz",
        "a" * 193 + ".tar.gz",
    ],
)
def test_safe_names(filename: str) -> None:
    assert unsafe_filename(filename) is None


@pytest.mark.parametrize(
    "filename",
    [
        pytest.param("", id="empty"),
        pytest.param(".", id="here"),
        pytest.param("..", id="parent"),
        pytest.param("../../etc/x", id="traversal"),
        pytest.param("/etc/passwd", id="absolute"),
        pytest.param("a/b-1.0.tar.gz", id="folder"),
        pytest.param("..\\x-1.0.zip", id="backslash"),
        pytest.param("C:x-1.0.zip", id="drive"),
        pytest.param(".hidden-1.0.tar.gz", id="hidden"),
        pytest.param(".microrepo", id="our own folder"),
        pytest.param("foo\n-1.0.tar.gz", id="newline"),
        pytest.param("foo\x00-1.0.tar.gz", id="nul"),
        pytest.param("foo\x1b[31m-1.0.tar.gz", id="terminal escape"),
        pytest.param("foo\x7f-1.0.tar.gz", id="delete"),
        pytest.param("foo\u202e-1.0.tar.gz", id="text direction override"),
        pytest.param("foo\u2028-1.0.tar.gz", id="line separator"),
        pytest.param("foo\u00a0-1.0.tar.gz", id="no-break space"),
        pytest.param("foo\ud800-1.0.tar.gz", id="lone surrogate"),
        pytest.param("foo-1.0.tar.gz ", id="space at the end"),
        pytest.param(" foo-1.0.tar.gz", id="space at the start"),
        pytest.param("foo-1.0.tar.gz.", id="dot at the end"),
        pytest.param("foo?-1.0.tar.gz", id="question mark"),
        pytest.param("a" * 300, id="300 characters"),
        pytest.param("a" * 194 + ".tar.gz", id="201 bytes"),
        pytest.param("ä" * 97 + ".tar.gz", id="104 characters that are 201 bytes"),
        pytest.param("con", id="Windows device"),
        pytest.param("CON.whl", id="Windows device with an ending"),
        pytest.param("lpt1.tar.gz", id="Windows port"),
        pytest.param("COM\u00b9.tar.gz", id="Windows port with a superscript"),
        pytest.param("CONIN$.zip", id="Windows console"),
        pytest.param("nul .zip", id="Windows device with a space"),
        pytest.param("\uff46oo-1.0.tar.gz", id="wide letter"),
        pytest.param("fo\u0301o-1.0.tar.gz", id="letter in two characters"),
        pytest.param("\u212aoo-1.0.zip", id="sign that is a letter"),
        pytest.param("foo\u22151.0.tar.gz", id="division slash"),
        pytest.param("foo\u22161.0.tar.gz", id="set minus"),
        pytest.param("foo\u20441.0.tar.gz", id="fraction slash"),
        pytest.param("foo\u20101.0.tar.gz", id="hyphen that is not ASCII's"),
        pytest.param("foo-1\u20240.tar.gz", id="one dot leader"),
        pytest.param("foo-1\u30020.tar.gz", id="ideographic full stop"),
        pytest.param("foo-\u0661.0.tar.gz", id="Arabic digit"),
        pytest.param("foo-\uff11.0.tar.gz", id="wide digit"),
        pytest.param("fo\u034fo-1.0.tar.gz", id="joiner that is not seen"),
        pytest.param("foo\ufe0f-1.0.tar.gz", id="selector that is not seen"),
        pytest.param("\u115ffoo-1.0.tar.gz", id="letter that is not seen"),
        pytest.param("\u0430lpha-1.0.tar.gz", id="Cyrillic letter in a Latin word"),
        pytest.param("alph\u03b1-1.0.tar.gz", id="Greek letter in a Latin word"),
        pytest.param("\ufb01le-1.0.tar.gz", id="two letters in one"),
        pytest.param("AUX.tar.gz", id="Windows device in capitals"),
        pytest.param("lpt\u2083.whl", id="Windows port with a subscript"),
        pytest.param("simple", id="our pages"),
        pytest.param("Browse", id="our pages for people"),
        pytest.param("last-modified", id="our time of change"),
        pytest.param("Server.py", id="our server in another case"),
        pytest.param("index.html", id="page of links"),
        pytest.param("foo-1.0.HTML", id="page of links in another case"),
        pytest.param("foo-1.0-py3-none-any.whl.metadata", id="metadata sidecar"),
        pytest.param("foo.part", id="partial file"),
    ],
)
def test_unsafe_names(filename: str) -> None:
    assert unsafe_filename(filename)


@pytest.mark.parametrize(
    ("filename", "package_type", "extension"),
    [
        ("foo-1.0-py3-none-any.whl", "bdist_wheel", "whl"),
        ("foo-1.0.tar.gz", "sdist", "gz"),
        ("foo-1.0.zip", "sdist", "zip"),
        ("foo-1.0.tar.bz2", "sdist", "bz2"),
        ("foo-1.0.tar.Z", "sdist", "Z"),
        ("foo-1.0.tar", "sdist", "tar"),
        ("foo-1.0-py2.7.egg", "bdist_egg", "egg"),
        ("foo-1.0.win32-py2.7.exe", "bdist_wininst", "exe"),
        ("foo-1.0.msi", "bdist_msi", "msi"),
        ("foo-1.0.unknown", None, "unknown"),
        ("foo", None, "foo"),
    ],
)
def test_type_and_extension(filename: str, package_type: str | None, extension: str) -> None:
    assert package_type_of(filename) == package_type
    assert extension_of(filename) == extension


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        pytest.param(
            "foo-1.0-py2.py3-none-any.whl",
            FileName("foo", "1.0", "wheel", ("py2", "py3"), ("none",), ("any",)),
            id="universal",
        ),
        pytest.param(
            "Foo_Bar-1.0-2build-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            FileName(
                "Foo_Bar",
                "1.0",
                "wheel",
                ("cp38",),
                ("abi3",),
                ("manylinux_2_17_x86_64", "manylinux2014_x86_64"),
                "2build",
            ),
            id="with a build tag",
        ),
        pytest.param(
            "foo-1.0-CP313-cp313T-Win_AMD64.whl",
            FileName("foo", "1.0", "wheel", ("cp313",), ("cp313t",), ("win_amd64",)),
            id="tags in any case",
        ),
    ],
)
def test_wheel_name(filename: str, expected: FileName) -> None:
    assert parse_wheel_name(filename) == expected


@pytest.mark.parametrize(
    "filename",
    [
        "foo-1.0.tar.gz",
        "foo.whl",
        "foo-1.0-py3-any.whl",
        "foo-1.0-1-2-py3-none-any.whl",
        "foo--py3-none-any.whl",
        "foo-1.0-py3-none-.whl",
    ],
)
def test_no_wheel_name(filename: str) -> None:
    assert parse_wheel_name(filename) is None


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("foo-1.0-py3.9.egg", "3.9"),
        ("foo-1.0-py2.7-linux-x86_64.egg", "2.7"),
        ("foo-1.0.egg", None),
        ("pyfoo-1.0.egg", None),
        ("foo-1.0-py3.9.zip", None),
    ],
)
def test_python_of_an_egg(filename: str, expected: str | None) -> None:
    assert egg_python(filename) == expected


@pytest.mark.parametrize(
    ("filename", "project", "expected"),
    [
        ("foo-1.0.tar.gz", "foo", "1.0"),
        ("foo-bar-1.0.tar.gz", "foo-bar", "1.0"),
        ("Foo.Bar_Baz-1.0.zip", "foo-bar-baz", "1.0"),
        ("foo__bar-1.0.zip", "foo-bar", "1.0"),
        ("foo-1.0-py3-none-any.whl", "foo", "1.0"),
        ("foo-1.0_1-py3-none-any.whl", "foo", "1.0-1"),
        ("foo-1.0-py2.7.egg", "foo", "1.0"),
        ("foo-1.0-2.tar.gz", "foo", "1.0-2"),
        ("foo.tar.gz", "foo", None),
        ("foo-.tar.gz", "foo", None),
        ("bar-1.0.tar.gz", "foo", None),
        ("foo-bar.tar.gz", "foo", "bar"),
    ],
)
def test_release_that_a_name_tells(filename: str, project: str, expected: str | None) -> None:
    assert guess_release(filename, project) == expected


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("foo-1.0-py3-none-any.whl", ("foo", "1.0")),
        ("foo_bar-1.0-1-py3-none-any.whl", ("foo_bar", "1.0")),
        ("foo-1.0.tar.gz", ("foo", "1.0")),
        ("foo-bar-1.0.zip", ("foo-bar", "1.0")),
        ("foo-2-bar-1.0.tgz", ("foo-2-bar", "1.0")),
        ("python-3parclient-4.2.0.tar.gz", ("python-3parclient", "4.2.0")),
        ("foo-1.0-1.tar.gz", ("foo", "1.0-1")),
        ("foo-v1.0.tar.bz2", ("foo", "v1.0")),
        ("foo-1.0-py2.7.egg", ("foo", "1.0")),
        ("foo-r21.tar.gz", ("foo", "r21")),
        ("foo-1.0.win32-py2.7.exe", ("foo", "1.0")),
        ("foo-1.0.win-amd64.msi", ("foo", "1.0")),
        ("FOO-1.0.TAR.GZ", ("FOO", "1.0")),
        ("a-2020-01-01.tar.gz", ("a-2020-01", "01")),
        ("requests-oauthlib-0.4.2-py3-none-any.whl", None),
        ("foo.tar.gz", None),
        ("-1.0.tar.gz", None),
        ("foo-1.0.whl", None),
        ("readme.txt", None),
    ],
)
def test_split_release(filename: str, expected: tuple[str, str] | None) -> None:
    assert split_release(filename) == expected


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("foo-1.0-py2.py3-none-any.whl", "py2.py3"),
        ("foo-1.0-py3.9.egg", "3.9"),
        ("foo-1.0.egg", "any"),
        ("FOO-1.0.TAR.GZ", "source"),
        ("foo-1.0.win32.exe", "any"),
    ],
)
def test_python_label(filename: str, expected: str) -> None:
    assert python_label(filename) == expected


@pytest.mark.parametrize(
    ("filename", "version", "installable"),
    [
        ("foo-1.0-py3-none-any.whl", "1.0", True),
        ("foo-1.0-py3-none-any.whl", "1.0.0", True),
        ("foo-1.0.tar.gz", "1", True),
        ("foo-1.0.tgz", "1.0", True),
        ("foo-1.0_1-py3-none-any.whl", "1.0-1", False),
        ("foo-1.0-x-py3-none-any.whl", "1.0", False),
        ("foo-1.0-py3-none-any.WHL", "1.0", False),
        ("foo__bar-1.0-py3-none-any.whl", "1.0", False),
        ("foo-1.0-1.tar.gz", "1.0-1", False),
        ("a-2020-01-01.tar.gz", "2020-01-01", False),
        ("FOO-1.0.TAR.GZ", "1.0", False),
        ("foo-1.0.exe", "1.0", False),
    ],
)
def test_names_that_all_installers_take(filename: str, version: str, installable: bool) -> None:
    assert (parse_candidate_name(filename, version) is not None) is installable
