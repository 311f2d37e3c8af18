"""Metadata of distributions: beside the file, at its end, or by reading all of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from microrepo.model import Digests
from microrepo.transfer.download.partial_file import Place
from microrepo.transfer.download.remote_metadata import find_metadata, unpack_metadata
from microrepo.transfer.tasks import FetchMetadata, MetadataOutcome
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.unit.transfer.download.conftest import NearServer, Reply


def about(built: BuiltFile, directory: Path, *, here: bool = False) -> FetchMetadata:
    path = built.write_to(directory)
    url = "https://files.example/elsewhere" if here else path.as_uri()
    return FetchMetadata(built.filename, url, Digests(sha256=built.sha256), built.size, here=here)


@pytest.mark.parametrize("here", [False, True], ids=["at the source", "in the repository"])
@pytest.mark.parametrize("build", [build_wheel, build_sdist])
def test_metadata_is_read_from_the_file_itself(
    server: NearServer, place: Place, tmp_path: Path, *, build: type, here: bool
) -> None:
    built = build("foo", "1.0", requires_dist=["bar>=1"], requires_python=">=3.9")
    directory = Path(place.directory) if here else tmp_path / "source"
    outcome = find_metadata(server, about(built, directory, here=here), place, attempts=0)
    assert (outcome.error, outcome.fetched_bytes) == ("", 0)
    metadata = unpack_metadata(outcome.metadata or b"")
    assert (metadata.name, metadata.version, metadata.requires_python) == ("foo", "1.0", ">=3.9")
    assert metadata.requires_dist == ("bar>=1",)


@pytest.mark.parametrize("content", [b"no archive", None], ids=["broken", "missing"])
def test_a_file_that_cannot_be_read_is_an_outcome(
    server: NearServer, place: Place, tmp_path: Path, content: bytes | None
) -> None:
    task = about(build_wheel("foo", "1.0"), tmp_path / "source")
    path = tmp_path / "source" / task.filename
    path.unlink() if content is None else path.write_bytes(content)
    outcome = find_metadata(server, task, place, attempts=0)
    assert isinstance(outcome, MetadataOutcome)
    assert outcome.metadata is None
    assert outcome.error
    assert not outcome.transient


# --- behind a network ----------------------------------------------------------------------------------

WHEEL = build_wheel("foo", "1.0", requires_dist=["bar"], payload_size=400_000)
FAR = FetchMetadata(
    WHEEL.filename, "https://f.example/foo.whl", Digests(WHEEL.sha256), WHEEL.size, True
)


def requirements(outcome: MetadataOutcome) -> tuple[str, ...]:
    assert outcome.error == ""
    return unpack_metadata(outcome.metadata or b"").requires_dist


def test_the_file_beside_it_is_the_cheapest(server: NearServer, place: Place) -> None:
    server.serve(WHEEL.metadata or b"")
    outcome = find_metadata(server, FAR, place, 0)
    assert requirements(outcome) == ("bar",)
    assert [url for url, _ in server.asked] == [f"{FAR.url}.metadata"]
    assert outcome.fetched_bytes == len(WHEEL.metadata or b"")


@pytest.mark.parametrize("right", [False, True])
def test_the_file_beside_it_has_to_be_what_was_announced(
    server: NearServer, place: Place, right: bool
) -> None:
    server.serve(WHEEL.metadata or b"")
    digest = hashlib.sha256(WHEEL.metadata or b"").hexdigest() if right else "0" * 64
    outcome = find_metadata(server, msgspec.structs.replace(FAR, metadata_sha256=digest), place, 0)
    assert (outcome.metadata is not None) is right


def test_else_the_end_of_a_wheel_has_it(server: NearServer, place: Place) -> None:
    server.serve(WHEEL.content)
    whole = server.answer
    server.answer = lambda url, headers: (
        Reply(404) if url.endswith(".metadata") else whole(url, headers)
    )
    outcome = find_metadata(server, FAR, place, 0)
    assert requirements(outcome) == ("bar",)
    assert outcome.fetched_bytes < WHEEL.size / 2
    assert list(Path(place.partial).iterdir()) == []


def test_else_the_whole_file_waits_aside(server: NearServer, place: Place) -> None:
    server.serve(WHEEL.content, ranges=False)
    plain = msgspec.structs.replace(FAR, has_metadata=False)
    assert requirements(find_metadata(server, plain, place, 0)) == ("bar",)
    (path,) = Path(place.partial).iterdir()
    assert path.read_bytes() == WHEEL.content


@pytest.mark.parametrize("reply", [Reply(503), Reply(200, b"x", cut=0)])
def test_another_attempt_may_do_better(server: NearServer, place: Place, reply: Reply) -> None:
    server.answer = lambda *_: reply
    outcome = find_metadata(server, FAR, place, 0)
    assert (outcome.metadata, outcome.transient) == (None, True)
