"""Files of another program's tree, held against what the tree says of them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from microrepo.model import Digests, File, NormalizedName
from microrepo.operations.maintain.adopt_examination import (
    Examined,
    by_project,
    examine,
    one_of_each,
)
from microrepo.repositories.directory_contents import Claim
from microrepo.repositories.foreign.tree_layouts import Candidate
from microrepo.stores.hashing import hash_file

NAME = "foo-1.tar.gz"
WRONG = "0" * 64


def candidate(path: Path, project: str = "foo") -> Candidate:
    disk = path.stat()
    name = NormalizedName(project)
    return Candidate(name, path.name, "1", str(path), disk.st_size, disk.st_mtime_ns)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_bytes(gzip.compress(b"content" * 1000))
    return path


def listed(digests: Digests) -> File:
    return File(NAME, "u", "1", "sdist", digests)


def test_a_file_is_what_its_tree_says(path: Path) -> None:
    digests = hash_file(path)
    found = examine(candidate(path), listed(Digests(blake2b_256=digests.blake2b_256)), None)
    assert found.file is not None
    assert found.file.digests.sha256 == digests.sha256
    assert found.file.size == path.stat().st_size


@pytest.mark.parametrize(
    ("record", "claim"),
    [
        (listed(Digests(WRONG)), None),
        (None, Claim(Digests(WRONG), "its page")),
        (listed(Digests()), Claim(Digests(md5="0" * 32), "its page")),
    ],
)
def test_other_content_is_not_taken(path: Path, record: File | None, claim: Claim | None) -> None:
    found = examine(candidate(path), record, claim)
    assert found.file is None
    assert found.problem


def test_where_nothing_is_said_an_archive_that_breaks_off_is_not_taken(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])
    found = examine(candidate(path), None, None)
    assert found.file is None
    assert found.problem.startswith("damaged: ")


def test_a_file_that_is_gone_cannot_be_read(path: Path) -> None:
    one = candidate(path)
    path.unlink()
    assert examine(one, listed(Digests()), None).problem.startswith("cannot be read: ")


def examined(path: Path, content: bytes) -> Examined:
    path.parent.mkdir()
    path.write_bytes(content)
    return Examined(candidate(path), listed(hash_file(path)))


def test_of_twins_the_one_in_its_place_is_chosen(tmp_path: Path) -> None:
    twins = [examined(tmp_path / folder / NAME, b"x") for folder in "ab"]
    chosen, conflicts = one_of_each(twins, lambda one: "/b/" in one.path)
    assert (chosen, conflicts) == ([twins[1]], [])


def test_of_twins_that_differ_none_is_chosen(tmp_path: Path) -> None:
    twins = [examined(tmp_path / folder / NAME, folder.encode()) for folder in "abcdef"]
    chosen, ((name, why),) = one_of_each(twins, lambda _: False)
    assert (chosen, name) == ([], NAME)
    assert why.endswith(" and 2 more")


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([], []), ([1], [1]), ([1, 1, 1], [2, 1]), ([3, 1], [3, 1]), ([1, 3, 1], [4, 1])],
)
def test_no_project_is_in_two_batches(sizes: list[int], expected: list[int]) -> None:
    found = [
        Candidate(NormalizedName(f"p{number}"), f"{n}.zip", "1", "", 1, 1)
        for number, size in enumerate(sizes)
        for n in range(size)
    ]
    assert [len(batch) for batch in by_project(found, 2)] == expected
