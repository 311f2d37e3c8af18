"""What an index records of a release beside its files, kept in a directory."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.errors import RepositoryError
from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.operations.mirror.release_metadata import (
    make_marks,
    overlay_marks,
    read_marks,
    write_marks,
)

FOO = NormalizedName("foo")
FILE = File(
    "foo-1.0.zip", "u", "1.0", "sdist", Digests("a" * 64), 7, yanked=True, yanked_reason="broken"
)
PROJECT = Project(
    FOO, "Foo", 9, "archived", "no more", files=(FILE,), versions=("1.0",)
)  # fmt: skip
MARKS = make_marks(PROJECT, "index.example", (FILE,), label="tested")
PLAIN = msgspec.structs.replace(FILE, yanked=False, yanked_reason=None)


def test_they_come_back_from_the_directory(tmp_path: Path) -> None:
    assert read_marks(tmp_path, "foo", "1.0") is None
    write_marks(tmp_path, MARKS)
    assert read_marks(tmp_path, "foo", "1.0") == MARKS
    assert read_marks(tmp_path, "foo", "2.0") is None
    write_marks(tmp_path, msgspec.structs.replace(MARKS, version="1/../x"))
    assert len(list((tmp_path / ".microrepo").rglob("*.json"))) == 2


@pytest.mark.parametrize("text", ["", "{}", "[]"])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    write_marks(tmp_path, MARKS)
    (path,) = (tmp_path / ".microrepo").rglob("*.json")
    path.write_text(text)
    assert read_marks(tmp_path, "foo", "1.0") is None
    write_marks(tmp_path, msgspec.structs.replace(MARKS, format=99))
    assert read_marks(tmp_path, "foo", "1.0") is None


def test_a_directory_that_takes_no_record(tmp_path: Path) -> None:
    (tmp_path / ".microrepo").write_text("a file")
    with pytest.raises(RepositoryError):
        write_marks(tmp_path, MARKS)


def test_each_that_says_something_is_told() -> None:
    yanked, status, label = MARKS.words()
    assert "foo-1.0.zip" in yanked
    assert "broken" in yanked
    assert "archived" in status
    assert "tested" in label
    active = msgspec.structs.replace(PROJECT, status="active", status_reason=None)
    assert make_marks(active, "index.example", (PLAIN,), label=None).words() == ()


def test_a_directory_tells_what_it_was_told(tmp_path: Path) -> None:
    bare = Project(FOO, "foo", files=(PLAIN,), versions=("1.0",))
    assert overlay_marks(tmp_path, bare, (PLAIN,)) == (bare, (PLAIN,), None)
    write_marks(tmp_path, MARKS)
    project, (file,), label = overlay_marks(tmp_path, bare, (PLAIN,))
    assert (project.display_name, project.serial, project.status) == ("Foo", 9, "archived")
    assert (file.yanked, file.yanked_reason, label) == (True, "broken", "tested")
    other = msgspec.structs.replace(PLAIN, size=8)
    assert overlay_marks(tmp_path, bare, (other,))[1] == (other,)
