"""File names to projects and versions; pins of a buildout; the upload form's fields."""

from __future__ import annotations

import pytest

from microrepo.errors import ConfigError, MalformedResponse
from microrepo.formats.distribution.filenames import split_release
from microrepo.formats.index.upload_form import form_fields
from microrepo.formats.requirements.buildout import parse_versions
from microrepo.model import Digests


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
        ("foo-1.0.win32-py2.7.exe", ("foo", "1.0.win32-py2.7")),
        ("foo.tar.gz", None),
        ("-1.0.tar.gz", None),
        ("foo-1.0.whl", None),
        ("readme.txt", None),
    ],
)
def test_split_release(filename: str, expected: tuple[str, str] | None) -> None:
    assert split_release(filename) == expected


def test_pins() -> None:
    text = "[versions]\nZope.Interface = 4.0\n# comment\nfoo=1.0\nfoo = 1.1\nopen =\n"
    assert parse_versions(text, "x") == ("Zope.Interface==4.0", "foo==1.1")
    named = "[buildout]\nversions = my\nextends =\n  a.cfg\n[my]\nfoo = ${x:y}\n"
    assert parse_versions(named, "x") == ("foo==${x:y}",)


@pytest.mark.parametrize("text", ["", "[other]\nfoo = 1\n", "foo = 1\n", "[versions\n"])
def test_no_pins(text: str) -> None:
    with pytest.raises(ConfigError, match=r"x\.cfg"):
        parse_versions(text, "x.cfg")


def test_the_form_of_an_old_distribution() -> None:
    fields = dict(form_fields("old-0.1.zip", None, Digests(sha256="aa")))
    assert fields["name"] == "old"
    assert fields["version"] == "0.1"
    assert fields["summary"] == "UNKNOWN"
    assert (fields["filetype"], fields["pyversion"]) == ("sdist", "source")
    assert fields["sha256_digest"] == "aa"


def test_the_form_of_a_wheel() -> None:
    metadata = (
        "Metadata-Version: 2.1\nName: foo\nVersion: 1\nClassifier: A\nClassifier: B\n"
        "Project-URL: Home, https://foo.example/\nX-Odd: no\n\nLänge\n"
    ).encode()
    fields = form_fields("foo-1-py2.py3-none-any.whl", metadata, Digests(blake2b_256="bb"))
    assert [value for name, value in fields if name == "classifiers"] == ["A", "B"]
    assert ("project_urls", "Home, https://foo.example/") in fields
    assert ("description", "Länge") in fields
    assert ("pyversion", "py2.py3") in fields
    assert ("blake2_256_digest", "bb") in fields
    assert not [name for name, _ in fields if "odd" in name]


def test_what_has_neither_metadata_nor_a_name() -> None:
    with pytest.raises(MalformedResponse):
        form_fields("nothing.tar.gz", b"", Digests())
