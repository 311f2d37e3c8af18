"""Content that a source replaced, by the digests of both sides."""

from __future__ import annotations

import pytest

from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.selection.trust.replaced_content import (
    HeldContent,
    replaced_files,
    with_held_content,
)

OLD, NEW = "a" * 64, "b" * 64
HELD = HeldContent("foo-1.zip", Digests(OLD, md5="1"), "https://i.example/old", 3)


def listed(digests: Digests, filename: str = "foo-1.zip") -> File:
    return File(
        filename,
        "https://i.example/new",
        "1",
        "sdist",
        digests,
        9,
        provenance="https://i.example/p",
    )


def project(*files: File) -> Project:
    return Project(NormalizedName("foo"), "Foo", files=files)


@pytest.mark.parametrize(
    ("digests", "text"),
    [
        (Digests(NEW), f"sha256 {OLD} before, {NEW} now"),
        (Digests(md5="2"), "md5 1 before, 2 now"),
        (Digests(NEW, md5="1"), f"sha256 {OLD} before, {NEW} now"),
    ],
)
def test_other_content(digests: Digests, text: str) -> None:
    (found,) = replaced_files(project(listed(digests)), {"foo-1.zip": HELD})
    assert str(found) == text


@pytest.mark.parametrize("digests", [Digests(OLD), Digests(OLD, md5="2"), Digests(sha512="c")])
def test_the_same_content_or_nothing_to_compare(digests: Digests) -> None:
    assert replaced_files(project(listed(digests)), {"foo-1.zip": HELD}) == ()


def test_a_file_that_is_not_held() -> None:
    assert replaced_files(project(listed(Digests(NEW), "foo-2.zip")), {"foo-1.zip": HELD}) == ()


def test_a_record_with_the_held_file() -> None:
    """The previous record of the file counts, and everything else is as it is now."""
    before = listed(Digests(OLD))
    now = project(listed(Digests(NEW)), listed(Digests(NEW), "foo-2.zip"))
    replaced = replaced_files(now, {"foo-1.zip": HELD})
    assert with_held_content(now, project(before), replaced).files == (before, now.files[1])


@pytest.mark.parametrize("known", [None, project(), project(listed(Digests("c" * 64)))])
def test_a_record_with_a_held_file_that_no_record_has(known: Project | None) -> None:
    now = project(listed(Digests(NEW)))
    replaced = replaced_files(now, {"foo-1.zip": HELD})
    (file,) = with_held_content(now, known, replaced).files
    assert (file.digests, file.url, file.size, file.provenance) == (
        HELD.digests,
        "https://i.example/old",
        3,
        None,
    )
