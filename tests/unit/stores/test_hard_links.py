"""Hard links in bulk."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from microrepo.stores.hard_links import CANNOT_LINK, link_files


def test_what_stands_under_a_name_stays_and_the_rest_is_linked(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    for name in ("a", "b", "c"):
        (source / name).write_text(name)
    (target / "b").write_text("mine")
    found = dict(link_files(source, target, ["a", "b", "c", "gone"]))
    assert (found["a"], found["c"]) == (None, None)
    errors = [error.errno for error in (found["b"], found["gone"]) if error is not None]
    assert errors == [errno.EEXIST, errno.ENOENT]
    assert not CANNOT_LINK.intersection(errors)
    assert (target / "a").samefile(source / "a")
    assert (target / "b").read_text() == "mine"


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (tmp_path / "elsewhere").write_text("x")
    (source / "a").symlink_to("../elsewhere")
    assert list(link_files(source, target, ["a"])) == [("a", None)]
    assert not (target / "a").is_symlink()
    assert (target / "a").samefile(tmp_path / "elsewhere")


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(link_files(tmp_path, tmp_path / "absent", ["a"]))
