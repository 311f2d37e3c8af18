"""Files to an index or a directory: verified before they are sent, dropped once they have arrived."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from microrepo.client import Client, ClientSettings
from microrepo.model import Digests, Outcome
from microrepo.repositories.protocol import DestinationSettings, SourceSettings
from microrepo.stores.placement import Sharing
from microrepo.transfer.download.partial_file import ByteCounter, Place
from microrepo.transfer.tasks import HashUrl, HeldOutcome, ListHeld, PlaceFile, SendFile
from microrepo.transfer.upload.file_upload import Sender, destination_client, place
from microrepo.transfer.worker_settings import WorkerSettings
from tests.support.packages import build_wheel
from tests.support.receiver import Receiver, status
from tests.unit.transfer.download.conftest import NearServer

FOO = build_wheel("foo", "1.0")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture
def where(tmp_path: Path) -> Place:
    for name in ("repository", "partial", "source"):
        (tmp_path / name).mkdir()
    return Place(str(tmp_path / "repository"), str(tmp_path / "partial"))


@pytest.fixture
def path(where: Place, tmp_path: Path) -> Path:
    return FOO.write_to(tmp_path / "source")


def sender(
    receiver: Receiver | None,
    where: Place,
    counter: ByteCounter | None = None,
    client: Client | None = None,
    uploads: int = 3,
) -> Sender:
    destination = None
    if receiver is not None:
        destination = DestinationSettings("upload", receiver.upload_url, receiver.simple_url)
    plain = ClientSettings(retries=0)
    source = SourceSettings("simple", "https://i.example/")
    settings = WorkerSettings(
        where.directory,
        plain,
        source,
        where.partial,
        uploads=uploads,
        attempts=0,
        destination=destination,
    )
    return Sender(client or Client(plain), settings, where, counter or ByteCounter())


def send(path: Path, digest: str = FOO.sha256) -> SendFile:
    return SendFile(FOO.filename, path.as_uri(), Digests(digest), FOO.size)


def run(sender: Sender, task: SendFile | HashUrl) -> Outcome:
    outcome = sender.run(task)
    assert isinstance(outcome, Outcome)
    return outcome


def test_a_file_of_this_machine_is_sent_and_stays(
    receiver: Receiver, where: Place, path: Path
) -> None:
    counter = ByteCounter()
    outcome = run(sender(receiver, where, counter), send(path))
    assert (outcome.ok, outcome.status, outcome.size_bytes) == (True, "uploaded", FOO.size)
    assert receiver.digests() == {FOO.filename: FOO.sha256}
    assert (path.exists(), counter.total) == (True, FOO.size)


@pytest.mark.parametrize(("code", "status_of"), [(400, "refused"), (403, "denied")])
def test_what_an_index_answers(
    receiver: Receiver, where: Place, path: Path, code: int, status_of: str
) -> None:
    receiver.faults.append(status(code))
    outcome = run(sender(receiver, where), send(path))
    assert (outcome.ok, outcome.status) == (False, status_of)
    assert outcome.error


def test_a_file_that_is_gone_is_a_failure(receiver: Receiver, where: Place, path: Path) -> None:
    path.unlink()
    outcome = run(sender(receiver, where), send(path))
    assert (outcome.ok, outcome.status, receiver.digests()) == (False, "failed", {})


@pytest.mark.parametrize("right", [False, True])
def test_a_file_behind_a_network_is_verified_and_dropped(
    receiver: Receiver, where: Place, right: bool
) -> None:
    near = NearServer()
    near.serve(FOO.content)
    digest = FOO.sha256 if right else "0" * 64
    task = SendFile(FOO.filename, "https://f.example/foo", Digests(digest), FOO.size)
    outcome = run(sender(receiver, where, client=near), task)
    assert outcome.status == ("uploaded" if right else "failed")
    assert receiver.digests() == ({FOO.filename: FOO.sha256} if right else {})
    if right:
        assert list(Path(where.partial).iterdir()) == []


def test_what_an_index_holds(receiver: Receiver, where: Place) -> None:
    receiver.take("foo", FOO.filename, FOO.content)
    found = sender(receiver, where).run(ListHeld("foo"))
    assert isinstance(found, HeldOutcome)
    assert [file.filename for file in found.files] == [FOO.filename]
    receiver.auth = ("me", "secret")
    denied = sender(receiver, where).run(ListHeld("foo"))
    assert isinstance(denied, HeldOutcome)
    assert (bool(denied.denied), denied.files) == (True, ())


def test_without_an_index_nothing_can_be_sent(where: Place, path: Path) -> None:
    assert run(sender(None, where), send(path)).status == "failed"
    found = sender(None, where).run(ListHeld("foo"))
    assert isinstance(found, HeldOutcome)
    assert found.error


def test_digests_of_a_url(where: Place, path: Path) -> None:
    found = run(sender(None, where), HashUrl(FOO.filename, path.as_uri()))
    assert (found.ok, found.digests.sha256) == (True, FOO.sha256)
    lost = run(sender(None, where), HashUrl(FOO.filename, path.with_name("x").as_uri()))
    assert (lost.ok, bool(lost.error)) == (False, True)


def test_a_password_goes_only_to_the_destination(receiver: Receiver) -> None:
    receiver.auth = ("me", "pw")
    to = DestinationSettings("upload", receiver.upload_url, receiver.simple_url, ("me", "pw"))
    with Receiver() as source:
        source.auth = ("me", "pw")
        login = {source.url.rstrip("/"): ("me", "pw")}
        client = destination_client(ClientSettings(auth=login, retries=0), to)
        for server, denied in ((receiver, False), (source, True)):
            answer = client.open(f"{server.simple_url}foo/", {})
            assert (answer.status in {401, 403}) is denied
            answer.close()
        client.close()


# --- into a directory ----------------------------------------------------------------------------------


def put(path: Path, where: Place, **more: object) -> Outcome:
    task = PlaceFile(FOO.filename, str(path), Digests(FOO.sha256))
    return place(msgspec.structs.replace(task, **more), where, ByteCounter())


@pytest.mark.parametrize("link", [False, True])
def test_a_file_is_linked_or_copied(where: Place, path: Path, link: bool) -> None:
    outcome = put(path, where, sharing=Sharing(link=link))
    target = Path(where.directory) / FOO.filename
    assert (outcome.ok, outcome.size_bytes) == (True, FOO.size)
    assert outcome.mtime_ns == target.stat().st_mtime_ns
    assert target.read_bytes() == FOO.content
    assert target.samefile(path) is link


def test_a_file_that_is_not_what_it_should_be(where: Place, path: Path) -> None:
    outcome = put(path, where, digests=Digests("0" * 64), sharing=Sharing(verify=True))
    assert (outcome.ok, list(Path(where.directory).iterdir())) == (False, [])


def test_a_name_that_is_taken(where: Place, path: Path) -> None:
    (Path(where.directory) / FOO.filename).write_bytes(b"another")
    outcome = put(path, where)
    assert (outcome.ok, bool(outcome.error)) == (False, True)
    assert (Path(where.directory) / FOO.filename).read_bytes() == b"another"


def test_no_more_uploads_than_set_run_at_once(
    receiver: Receiver, where: Place, tmp_path: Path
) -> None:
    wheels = [build_wheel("foo", f"1.{number}") for number in range(6)]
    running, most, lock = 0, 0, threading.Lock()

    def count(change: int) -> None:
        nonlocal running, most
        with lock:
            running += change
            most = max(most, running)

    def slow(*_: object) -> bool:
        count(1)
        time.sleep(0.1)
        count(-1)
        return False

    receiver.faults.extend([slow] * len(wheels))
    sending = sender(receiver, where, uploads=2)
    tasks = [
        SendFile(
            one.filename,
            one.write_to(tmp_path / "source").as_uri(),
            Digests(one.sha256),
            one.size,
        )
        for one in wheels
    ]
    with ThreadPoolExecutor(len(tasks)) as threads:
        outcomes = list(threads.map(sending.run, tasks))
    assert all(isinstance(one, Outcome) and one.ok for one in outcomes)
    assert most == 2
