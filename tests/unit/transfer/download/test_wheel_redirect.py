"""Wheels whose direct-URL requirements lead to an index: copies, made aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.model import Digests
from microrepo.transfer.download.partial_file import ByteCounter, Place
from microrepo.transfer.download.remote_metadata import find_metadata, unpack_metadata
from microrepo.transfer.download.wheel_redirect import redirect
from microrepo.transfer.tasks import FetchMetadata, RedirectOutcome, RedirectWheel
from tests.support.packages import BuiltFile, build_wheel
from tests.unit.transfer.download.conftest import NearServer

DIRECT = "bar @ https://files.example/bar-2.0-py3-none-any.whl"


def about(built: BuiltFile, directory: Path) -> FetchMetadata:
    url = built.write_to(directory).as_uri()
    return FetchMetadata(built.filename, url, Digests(sha256=built.sha256), built.size)


def rewritten(server: NearServer, place: Place, task: FetchMetadata) -> RedirectOutcome:
    return redirect(server, RedirectWheel(task), place, 0, ByteCounter())


def test_a_direct_url_becomes_a_requirement_of_an_index(
    server: NearServer, place: Place, tmp_path: Path
) -> None:
    built = build_wheel("foo", "1.0", requires_dist=[DIRECT])
    outcome = rewritten(server, place, about(built, tmp_path / "source"))
    assert outcome.error == ""
    assert [was for was, _ in outcome.requirements] == [DIRECT]
    copy = Path(outcome.path)
    assert (copy.parent, copy.stat().st_size) == (Path(place.partial), outcome.size_bytes)
    # The original stays; the copy says the same of another place.
    assert (tmp_path / "source" / built.filename).read_bytes() == built.content
    (Path(place.directory) / built.filename).write_bytes(copy.read_bytes())
    here = FetchMetadata(built.filename, "", Digests(), here=True)
    metadata = unpack_metadata(find_metadata(server, here, place, 0).metadata or b"")
    assert metadata.requires_dist == ("bar==2.0",)


def test_a_wheel_without_direct_urls_needs_no_copy(
    server: NearServer, place: Place, tmp_path: Path
) -> None:
    built = build_wheel("foo", "1.0", requires_dist=["bar>=1"])
    outcome = rewritten(server, place, about(built, tmp_path / "source"))
    assert (outcome.path, outcome.requirements, outcome.error) == ("", (), "")
    assert not list(Path(place.partial).iterdir())


@pytest.mark.parametrize("ranges", [False, True])
def test_a_wheel_behind_a_network_leaves_only_its_copy(
    server: NearServer, place: Place, ranges: bool
) -> None:
    built = build_wheel("foo", "1.0", requires_dist=[DIRECT])
    server.serve(built.content, ranges=ranges)
    url = "https://f.example/foo.whl"
    task = FetchMetadata(built.filename, url, Digests(sha256=built.sha256), built.size)
    outcome = rewritten(server, place, task)
    assert [now for _, now in outcome.requirements] == ["bar==2.0"]
    assert list(Path(place.partial).iterdir()) == [Path(outcome.path)]


def test_a_wheel_that_cannot_be_had(server: NearServer, place: Place) -> None:
    task = FetchMetadata("foo-1.0-py3-none-any.whl", "https://f.example/foo", Digests(), 9)
    outcome = rewritten(server, place, task)
    assert outcome.error
    assert outcome.path == ""
