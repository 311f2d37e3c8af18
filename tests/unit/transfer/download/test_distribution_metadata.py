"""Metadata of distributions on this machine, and wheels whose direct URLs are rewritten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from microrepo.client import Client, ClientSettings
from microrepo.model import Digests
from microrepo.transfer.download.partial_file import ByteCounter, Place
from microrepo.transfer.download.remote_metadata import find_metadata, unpack_metadata
from microrepo.transfer.download.wheel_redirect import redirect
from microrepo.transfer.tasks import FetchMetadata, MetadataOutcome, RedirectOutcome, RedirectWheel
from tests.support.packages import BuiltFile, build_sdist, build_wheel

DIRECT = "bar @ https://files.example/bar-2.0-py3-none-any.whl"


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(ClientSettings())
    yield client
    client.close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("repository", "partial", "source"):
        (tmp_path / name).mkdir()
    return Place(str(tmp_path / "repository"), str(tmp_path / "partial"))


def about(built: BuiltFile, directory: Path, *, here: bool = False) -> FetchMetadata:
    path = built.write_to(directory)
    url = "https://files.example/elsewhere" if here else path.as_uri()
    return FetchMetadata(built.filename, url, Digests(sha256=built.sha256), built.size, here=here)


@pytest.mark.parametrize("here", [False, True], ids=["at the source", "in the repository"])
@pytest.mark.parametrize("build", [build_wheel, build_sdist])
def test_metadata_is_read_from_the_file_itself(
    client: Client, place: Place, tmp_path: Path, *, build: type, here: bool
) -> None:
    built = build("foo", "1.0", requires_dist=["bar>=1"], requires_python=">=3.9")
    directory = Path(place.directory) if here else tmp_path / "source"
    outcome = find_metadata(client, about(built, directory, here=here), place, attempts=0)
    assert (outcome.error, outcome.fetched_bytes) == ("", 0)
    metadata = unpack_metadata(outcome.metadata or b"")
    assert (metadata.name, metadata.version, metadata.requires_python) == ("foo", "1.0", ">=3.9")
    assert metadata.requires_dist == ("bar>=1",)


@pytest.mark.parametrize("content", [b"no archive", None], ids=["broken", "missing"])
def test_a_file_that_cannot_be_read_is_an_outcome(
    client: Client, place: Place, tmp_path: Path, content: bytes | None
) -> None:
    task = about(build_wheel("foo", "1.0"), tmp_path / "source")
    path = tmp_path / "source" / task.filename
    path.unlink() if content is None else path.write_bytes(content)
    outcome = find_metadata(client, task, place, attempts=0)
    assert isinstance(outcome, MetadataOutcome)
    assert outcome.metadata is None
    assert outcome.error
    assert not outcome.transient


def rewritten(client: Client, place: Place, task: FetchMetadata) -> RedirectOutcome:
    return redirect(client, RedirectWheel(task), place, 0, ByteCounter())


def test_a_direct_url_becomes_a_requirement_of_an_index(
    client: Client, place: Place, tmp_path: Path
) -> None:
    built = build_wheel("foo", "1.0", requires_dist=[DIRECT])
    outcome = rewritten(client, place, about(built, tmp_path / "source"))
    assert outcome.error == ""
    assert [was for was, _ in outcome.requirements] == [DIRECT]
    copy = Path(outcome.path)
    assert (copy.parent, copy.stat().st_size) == (Path(place.partial), outcome.size_bytes)
    # The original stays; the copy says the same of another place.
    assert (tmp_path / "source" / built.filename).read_bytes() == built.content
    (Path(place.directory) / built.filename).write_bytes(copy.read_bytes())
    here = FetchMetadata(built.filename, "", Digests(), here=True)
    metadata = unpack_metadata(find_metadata(client, here, place, 0).metadata or b"")
    assert metadata.requires_dist == ("bar==2.0",)


def test_a_wheel_without_direct_urls_needs_no_copy(
    client: Client, place: Place, tmp_path: Path
) -> None:
    built = build_wheel("foo", "1.0", requires_dist=["bar>=1"])
    outcome = rewritten(client, place, about(built, tmp_path / "source"))
    assert (outcome.path, outcome.requirements, outcome.error) == ("", (), "")
    assert not list(Path(place.partial).iterdir())
