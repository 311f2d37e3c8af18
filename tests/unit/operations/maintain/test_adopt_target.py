"""What the repository has under the names of a tree's files."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from microrepo.guards import Limits
from microrepo.model import Digests, File, NormalizedName
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.maintain.adopt_examination import Examined
from microrepo.operations.maintain.adopt_target import AdoptTarget
from microrepo.repositories.directory_contents import Claim
from microrepo.repositories.foreign.tree_layouts import Candidate, Layout
from microrepo.state import FileRow
from microrepo.stores.hashing import hash_file

NAME = "foo-1.zip"
FOO = NormalizedName("foo")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = tmp_path / "tree" / NAME
    path.parent.mkdir()
    path.write_bytes(b"content")
    return path


def target(holdings: Holdings, files: Path) -> AdoptTarget:
    return AdoptTarget(holdings, Layout("a directory", files, files, files, ()))


def candidate(path: Path) -> Candidate:
    disk = path.stat()
    return Candidate(FOO, NAME, "1", str(path), disk.st_size, disk.st_mtime_ns)


def examined(path: Path) -> Examined:
    return Examined(candidate(path), File(NAME, "u", "1", "sdist", hash_file(path)))


def test_a_link_lies_in_its_place(holdings: Holdings, tree: Path) -> None:
    found = target(holdings, tree.parent)
    assert not found.is_target(candidate(tree))
    holdings.directory.file(NAME).hardlink_to(tree)
    assert found.is_target(candidate(tree))
    assert found.damaged([Examined(candidate(tree))], {}) == []
    claims = {str(tree): Claim(Digests("a" * 64), "its page")}
    assert [row.filename for row in found.damaged([Examined(candidate(tree))], claims)] == [NAME]


def test_a_repository_can_be_the_tree_itself(holdings: Holdings, tree: Path) -> None:
    here = target(holdings, holdings.directory.path)
    assert (here.is_tree(), here.inside_tree()) == (True, None)
    there = target(holdings, tree.parent)
    assert (there.is_tree(), there.inside_tree()) == (False, holdings.directory.path)


def test_what_lies_under_the_name_is_compared_by_content(holdings: Holdings, tree: Path) -> None:
    found = target(holdings, tree.parent)
    assert found.local_file(examined(tree), None) is None
    place = holdings.directory.file(NAME)
    place.write_bytes(b"another")
    local = found.local_file(examined(tree), None)
    assert local is not None
    assert local.digests.sha256 == hash_file(place).sha256
    place.unlink()
    place.mkdir()
    local = found.local_file(examined(tree), None)
    assert local is not None
    assert local.digests.sha256 == "unknown"


def test_a_file_is_known_by_size_and_time(holdings: Holdings, tree: Path) -> None:
    shutil.copy2(tree, holdings.directory.file(NAME))
    one = candidate(tree)
    row = FileRow(NAME, FOO, "1", "u", one.size_bytes, Digests(), True, one.mtime_ns)
    found = target(holdings, tree.parent)
    assert found.is_known(one, row)
    assert not found.is_known(one, None)
    assert not found.is_known(one, msgspec.structs.replace(row, size=8))
    assert not found.is_known(msgspec.structs.replace(one, mtime_ns=1), row)


def test_copies_need_room_links_of_known_files_do_not(holdings: Holdings, tree: Path) -> None:
    limits = Limits(max_total_bytes=3)
    found = target(holdings, tree.parent)
    assert found.room_refusal([candidate(tree)], limits)
    holdings.directory.file(NAME).write_bytes(b"content")
    assert found.room_refusal([candidate(tree)], limits) == ""
