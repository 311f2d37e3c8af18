"""Files from a directory of this machine into a repository: verified, resumed, or refused."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from microrepo.client import Client, ClientSettings
from microrepo.model import Digests, Outcome
from microrepo.transfer.download.file_download import fetch_aside, fetch_file
from microrepo.transfer.download.partial_file import ByteCounter, Place, partial_name
from microrepo.transfer.tasks import FetchFile

NAME = "foo-1.0.tar.gz"
CONTENT = bytes(range(256)) * 20
RIGHT = Digests(sha256=hashlib.sha256(CONTENT).hexdigest())
WRONG = Digests(sha256="0" * 64)


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(ClientSettings())
    yield client
    client.close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("repository", "partial"):
        (tmp_path / name).mkdir()
    return Place(str(tmp_path / "repository"), str(tmp_path / "partial"), 0o640)


@pytest.fixture
def task(tmp_path: Path) -> FetchFile:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    return FetchFile(NAME, source.as_uri(), RIGHT, len(CONTENT), upload_ns=1_000_000_000)


def fetch(client: Client, task: FetchFile, place: Place) -> Outcome:
    return fetch_file(client, task, place, attempts=0, progress=ByteCounter())


def stored(place: Place) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(place.directory).iterdir()}


def test_a_file_is_verified_and_put_in_place(client: Client, place: Place, task: FetchFile) -> None:
    outcome = fetch(client, task, place)
    assert (outcome.ok, outcome.error, outcome.resumed) == (True, "", False)
    assert outcome.size_bytes == outcome.fetched_bytes == len(CONTENT)
    assert outcome.digests.sha256 == RIGHT.sha256
    assert outcome.mtime_ns == task.upload_ns
    assert stored(place) == {NAME: CONTENT}
    assert stat.S_IMODE((Path(place.directory) / NAME).stat().st_mode) == 0o640
    assert not list(Path(place.partial).iterdir())


@pytest.mark.parametrize(
    ("old", "resumed", "fetched"),
    [
        pytest.param(CONTENT[:1000], True, len(CONTENT) - 1000, id="a good beginning"),
        pytest.param(CONTENT, True, 0, id="all of it"),
        pytest.param(CONTENT + b"more", False, len(CONTENT), id="too much"),
        pytest.param(b"x" * 1000, False, 2 * len(CONTENT) - 1000, id="a wrong beginning"),
    ],
)
def test_what_an_earlier_run_left_is_used_if_it_belongs(
    client: Client, place: Place, task: FetchFile, old: bytes, resumed: bool, fetched: int
) -> None:
    (Path(place.partial) / partial_name(task)).write_bytes(old)
    outcome = fetch(client, task, place)
    assert (outcome.ok, outcome.resumed, outcome.fetched_bytes) == (True, resumed, fetched)
    assert stored(place) == {NAME: CONTENT}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"digests": WRONG}, id="another digest"),
        pytest.param({"size": 7}, id="another size"),
        pytest.param({"url": "file:///nowhere/at/all"}, id="no such file"),
    ],
)
def test_a_file_that_fails_leaves_the_repository_as_it_was(
    client: Client, place: Place, task: FetchFile, changes: dict[str, object]
) -> None:
    (Path(place.directory) / NAME).write_bytes(b"an older one")
    outcome = fetch(client, msgspec.structs.replace(task, **changes), place)
    assert not outcome.ok
    assert outcome.error
    assert NAME not in outcome.error  # it is beside it
    assert stored(place) == {NAME: b"an older one"}


def test_wrong_content_is_not_resumed(client: Client, place: Place, task: FetchFile) -> None:
    fetch(client, msgspec.structs.replace(task, digests=WRONG), place)
    assert not list(Path(place.partial).iterdir())


def test_a_place_that_cannot_be_written_is_named(
    client: Client, place: Place, task: FetchFile
) -> None:
    lost = msgspec.structs.replace(place, partial=f"{place.partial}/gone")
    outcome = fetch(client, task, lost)
    assert not outcome.ok
    assert outcome.error.startswith("cannot be written: ")


def test_a_file_that_waits_aside_only_has_to_be_renamed(
    client: Client, place: Place, task: FetchFile
) -> None:
    waiting = fetch_aside(client, task, place, attempts=0, progress=ByteCounter())
    assert waiting.read_bytes() == CONTENT
    assert stored(place) == {}
    outcome = fetch(client, task, place)
    assert (outcome.ok, outcome.fetched_bytes) == (True, 0)
    assert stored(place) == {NAME: CONTENT}


def test_downloads_that_cannot_be_verified_share_no_partial_file(task: FetchFile) -> None:
    unverifiable = msgspec.structs.replace(task, digests=Digests())
    assert partial_name(unverifiable) != partial_name(unverifiable)
    assert partial_name(task) == partial_name(task)
    assert partial_name(task) != partial_name(msgspec.structs.replace(task, filename="bar-1.0.zip"))
