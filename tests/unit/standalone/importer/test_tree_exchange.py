"""Exchange of directories: readers see the old or the new one."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from microrepo.standalone.importer.tree_exchange import exchange_directories, link_tree, remove_tree


def make(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "page").write_text(text)
    return path


def test_a_new_directory_takes_the_name_of_the_old_one(tmp_path: Path) -> None:
    new, old = make(tmp_path / "new", "new"), make(tmp_path / "simple", "old")
    exchange_directories(str(new), str(old))
    assert (old / "page").read_text() == "new"
    assert (new / "page").read_text() == "old"


def test_without_an_old_directory_it_is_renamed(tmp_path: Path) -> None:
    new = make(tmp_path / "new", "new")
    exchange_directories(str(new), str(tmp_path / "simple"))
    assert (tmp_path / "simple" / "page").read_text() == "new"
    assert not new.exists()


def test_systems_without_exchange_rename_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: object())
    new, old = make(tmp_path / "new", "new"), make(tmp_path / "simple", "old")
    exchange_directories(str(new), str(old))
    assert (old / "page").read_text() == "new"
    assert (new / "page").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "simple"]


def test_readers_always_find_a_page(tmp_path: Path) -> None:
    new, old = make(tmp_path / "new", "new"), make(tmp_path / "simple", "old")
    stop = threading.Event()
    missing: list[str] = []

    def read() -> None:
        while not stop.is_set():
            try:
                (old / "page").read_text()
            except OSError as error:
                missing.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(500):
        exchange_directories(str(new), str(old))
    stop.set()
    reader.join()
    assert missing == []


def test_a_linked_tree_shares_its_files(tmp_path: Path) -> None:
    source = make(tmp_path / "simple", "page")
    make(source / "six", "inner")
    (source / "link").symlink_to("/etc")
    link_tree(str(source), str(tmp_path / "copy"))
    assert (tmp_path / "copy" / "six" / "page").samefile(source / "six" / "page")
    assert not (tmp_path / "copy" / "link").exists()
    remove_tree(str(tmp_path / "copy"))
    remove_tree(str(tmp_path / "copy"))
    assert (source / "six" / "page").read_text() == "inner"
