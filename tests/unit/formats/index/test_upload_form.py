"""Fields of the upload form."""

from __future__ import annotations

import pytest

from microrepo.errors import MalformedResponse
from microrepo.formats.index.upload_form import form_fields
from microrepo.model import Digests


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
