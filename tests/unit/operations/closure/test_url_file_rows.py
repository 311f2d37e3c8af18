"""Files behind direct URLs, as rows of the state tell them."""

from __future__ import annotations

import pytest

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import Digests, File, NormalizedName
from microrepo.operations.closure.url_files import file_of_row, held_url_file, is_behind
from microrepo.state import FileRow

NAME, URL = "foo-1.0-py3-none-any.whl", "https://f.example/foo-1.0-py3-none-any.whl"
ROW = FileRow(NAME, NormalizedName("foo"), "1.0", URL, 7, Digests("a" * 64), present=True)


@pytest.mark.parametrize(
    ("url", "digests", "expected"),
    [
        (URL, Digests("a" * 64), True),
        (URL, Digests("b" * 64), False),
        ("https://other.example/x", Digests("a" * 64), True),
        (URL, Digests(), True),
        ("https://other.example/x", Digests(), False),
        (URL, Digests(md5="b" * 32), True),
    ],
)
def test_the_digest_decides_else_the_address(url: str, digests: Digests, expected: bool) -> None:
    assert is_behind(ROW, File(NAME, url, "1.0", "bdist_wheel", digests)) is expected


def test_a_held_file_says_what_its_metadata_says() -> None:
    metadata = CoreMetadata("foo", "1.0", requires_python=">=3.8")
    found = held_url_file(ROW, metadata)
    assert (found.metadata, found.file.requires_python) == (metadata, ">=3.8")
    assert file_of_row(ROW) == File(NAME, URL, "1.0", "bdist_wheel", Digests("a" * 64), 7)
