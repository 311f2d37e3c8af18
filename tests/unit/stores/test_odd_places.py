"""What lies where the program's own files belong, but is something else."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from microrepo.publish.tree.page_writer import PageWriter
from microrepo.stores.atomic_write import write_atomically
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.lock import held_lock, holder_of
from microrepo.stores.plain_files import read_plain_file


@pytest.mark.parametrize("kind", ["link", "file", "fifo", "dangling", "loop"])
@pytest.mark.parametrize("name", ["partial", "limits"])
def test_scratch_directories_are_not_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, kind: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    directory = FlatDirectory(tmp_path / "repo")
    directory.control.mkdir(parents=True)
    odd = directory.control / name
    if kind == "file":
        odd.write_text("x")
    elif kind == "fifo":
        os.mkfifo(odd)
    else:
        targets = {"link": elsewhere, "dangling": Path("nowhere"), "loop": odd}
        odd.symlink_to(targets[kind])
    with caplog.at_level(logging.WARNING):
        directory.prepare()
        directory.clean_partials(set())
    assert odd.is_dir()
    assert not odd.is_symlink()
    assert (elsewhere / "precious").exists()
    (message,) = caplog.messages
    assert str(odd) in message
    directory.prepare()
    assert caplog.messages == [message]


@pytest.mark.parametrize("kind", ["link", "fifo"])
def test_the_holder_of_the_lock_is_written_anew(tmp_path: Path, kind: str) -> None:
    directory, precious = FlatDirectory(tmp_path / "repo"), tmp_path / "precious"
    directory.prepare()
    precious.write_text("x")
    holder = directory.control / "lock.holder"
    if kind == "link":
        holder.symlink_to(precious)
    else:
        os.mkfifo(holder)
    with held_lock(directory):
        found = holder_of(directory)
        assert found is not None
        assert found.process == os.getpid()
    assert precious.read_text() == "x"


def test_a_directory_among_the_partial_downloads_stays(tmp_path: Path) -> None:
    directory = FlatDirectory(tmp_path)
    directory.prepare()
    (directory.partial / "somebody's").mkdir()
    (directory.partial / "old").touch()
    directory.clean_partials(set())
    assert [path.name for path in directory.partial.iterdir()] == ["somebody's"]


@pytest.mark.parametrize("content", [b"", b"page"])
def test_a_fifo_is_replaced_by_the_page(tmp_path: Path, content: bytes) -> None:
    page = tmp_path / "page"
    os.mkfifo(page)
    with pytest.raises(OSError, match="plain file"):
        read_plain_file(page)
    writer = PageWriter(tmp_path, tmp_path)
    assert writer.put("page", content)
    writer.flush()
    assert read_plain_file(page) == content


def test_a_link_to_itself_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.symlink_to(path)
    write_atomically(path, b"{}", 0o644)
    assert path.read_bytes() == b"{}"
