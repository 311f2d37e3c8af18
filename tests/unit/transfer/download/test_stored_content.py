"""Downloads look into a shared store first, and add to it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from microrepo.model import Digests, Outcome
from microrepo.transfer.download.partial_file import Place
from microrepo.transfer.download.stored_content import StoredContent
from microrepo.transfer.tasks import FetchFile

CONTENT = b"content"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TASK = FetchFile("six-1.tar.gz", "https://files.example/six-1.tar.gz", Digests(sha256=SHA256))


class Download:
    """Puts the content into a directory, and counts how often."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.count = 0

    def __call__(self, task: FetchFile) -> Outcome:
        self.count += 1
        self.directory.mkdir(exist_ok=True)
        (self.directory / task.filename).write_bytes(CONTENT)
        return Outcome(task.filename, True, len(CONTENT), digests=Digests(sha256=SHA256))


def stored(directory: Path, store: Path | str) -> StoredContent:
    directory.mkdir(exist_ok=True)
    return StoredContent(str(store), Place(str(directory), str(directory), 0o644, durable=False))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_the_second_repository_downloads_nothing(tmp_path: Path, store: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    downloads = [Download(first), Download(second)]
    assert stored(first, store).fetch(TASK, downloads[0]).reused_bytes == 0
    outcome = stored(second, store).fetch(TASK, downloads[1])
    assert [download.count for download in downloads] == [1, 0]
    assert (outcome.ok, outcome.size_bytes, outcome.reused_bytes) == (True, 7, 7)
    assert outcome.digests.sha256 == SHA256
    assert (second / "six-1.tar.gz").samefile(first / "six-1.tar.gz")


def test_a_file_without_sha256_is_downloaded_and_added(tmp_path: Path, store: Path) -> None:
    task = FetchFile(TASK.filename, TASK.url, Digests(md5="0" * 32))
    download = Download(tmp_path / "first")
    stored(tmp_path / "first", store).fetch(task, download)
    stored(tmp_path / "first", store).fetch(task, download)
    assert download.count == 2
    assert (store / SHA256[:2] / SHA256).read_bytes() == CONTENT


def test_a_failed_download_adds_nothing(tmp_path: Path, store: Path) -> None:
    failed = Outcome(TASK.filename, ok=False, error="refused")
    assert stored(tmp_path / "first", store).fetch(TASK, lambda _: failed) is failed
    assert not store.exists()


def test_a_damaged_object_is_replaced(tmp_path: Path, store: Path) -> None:
    download = Download(tmp_path / "first")
    stored(tmp_path / "first", store).fetch(TASK, download)
    (tmp_path / "first" / TASK.filename).write_bytes(b"c0ntent")
    again = Download(tmp_path / "second")
    assert stored(tmp_path / "second", store).fetch(TASK, again).ok
    assert again.count == 1
    assert (store / SHA256[:2] / SHA256).read_bytes() == CONTENT


def test_a_store_that_cannot_be_written_costs_nothing_but_links(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    download = Download(tmp_path / "first")
    assert stored(tmp_path / "first", tmp_path / "file" / "store").fetch(TASK, download).ok
    assert download.count == 1


def test_without_a_store_everything_is_downloaded(tmp_path: Path) -> None:
    download = Download(tmp_path / "first")
    stored(tmp_path / "first", "").fetch(TASK, download)
    assert download.count == 1
