"""What lies where the program's own files belong, but is something else."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from microrepo.client.rate_limit import TokenBucket
from microrepo.errors import RepositoryError
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


def test_a_link_is_replaced_where_it_may_not_be_followed(tmp_path: Path) -> None:
    path, precious = tmp_path / "report.json", tmp_path / "precious"
    precious.write_text("x")
    path.symlink_to(precious)
    write_atomically(path, b"{}", 0o644, follow=False)
    assert precious.read_text() == "x"
    assert path.read_bytes() == b"{}"
    assert not path.is_symlink()


def test_a_link_to_itself_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.symlink_to(path)
    write_atomically(path, b"{}", 0o644)
    assert path.read_bytes() == b"{}"


@pytest.mark.parametrize("kind", ["link", "file", "dangling"])
@pytest.mark.parametrize("name", ["simple", "pypi", "browse"])
def test_trees_of_pages_are_not_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, kind: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    directory = FlatDirectory(tmp_path / "repo")
    directory.prepare()
    odd = directory.path / name
    if kind == "file":
        odd.write_text("x")
    else:
        odd.symlink_to(elsewhere if kind == "link" else "nowhere")
    with caplog.at_level(logging.WARNING):
        directory.prepare()
    assert not os.path.lexists(odd)
    assert os.path.lexists(directory.path / f"{name}.not-a-directory")
    assert str(odd) in caplog.text


def test_a_control_directory_that_is_a_link_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    directory = FlatDirectory(tmp_path / "repo")
    directory.path.mkdir()
    directory.control.symlink_to(elsewhere)
    with pytest.raises(RepositoryError, match="symbolic link"):
        directory.prepare()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "dangling", "file", "fifo"])
def test_a_folder_of_a_page_is_made_where_something_else_is(tmp_path: Path, kind: str) -> None:
    root, elsewhere = tmp_path / "repo", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "index.html").write_bytes(b"page")
    (root / "simple").mkdir(parents=True)
    for name in ("foo", "bar"):
        odd = root / "simple" / name
        if kind == "file":
            odd.write_text("x")
        elif kind == "fifo":
            os.mkfifo(odd)
        else:
            odd.symlink_to(elsewhere if kind == "link" else "nowhere")
    writer = PageWriter(root, tmp_path / "scratch")
    assert writer.put("simple/foo/index.html", b"page")
    assert writer.put_folder("simple/bar", {"index.html": b"new"})
    writer.flush()
    assert (root / "simple/foo/index.html").read_bytes() == b"page"
    assert (root / "simple/bar/index.html").read_bytes() == b"new"
    assert not (root / "simple/foo").is_symlink()
    assert (elsewhere / "index.html").read_bytes() == b"page"


def test_a_directory_in_the_place_of_a_file_is_renamed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("report.json", "page"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "precious").write_text("x")
    write_atomically(tmp_path / "report.json", b"{}", 0o644)
    writer = PageWriter(tmp_path, tmp_path / "scratch")
    writer.put("page", b"content")
    with caplog.at_level(logging.WARNING):
        writer.flush()
    assert (tmp_path / "report.json").read_bytes() == b"{}"
    assert (tmp_path / "page").read_bytes() == b"content"
    assert (tmp_path / "page.not-a-file" / "precious").exists()
    assert (tmp_path / "report.json.not-a-file" / "precious").exists()


@pytest.mark.parametrize("kind", ["fifo", "link", "directory"])
def test_a_rate_limit_is_kept_where_something_odd_was(tmp_path: Path, kind: str) -> None:
    bucket, precious = tmp_path / "api.bucket", tmp_path / "precious"
    precious.write_text("x")
    if kind == "fifo":
        os.mkfifo(bucket)
    elif kind == "link":
        bucket.symlink_to(precious)
    else:
        bucket.mkdir()
    assert TokenBucket(bucket, rate=1, burst=1).reserve(1, 1000.0) == 0
    assert TokenBucket(bucket, rate=1, burst=1).reserve(1, 1000.0) == 1
    assert precious.read_text() == "x"
