"""Distributions as objects: what they say of themselves, and how they are fetched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from microrepo.client import Client, ClientSettings
from microrepo.errors import MalformedResponse, TransferError
from microrepo.model import Digests
from microrepo.operations.api.distributions import Distribution, RemoteDistribution
from tests.support.packages import BuiltFile, build_egg, build_sdist, build_wheel
from tests.support.upstream import file_of

WHEEL = build_wheel("foo", "1.0", requires_dist=["bar"], requires_python=">=3.9")
SDIST, EGG = build_sdist("foo", "1.0"), build_egg("foo", "1.0")


@pytest.fixture
def client() -> Iterator[Client]:
    client = Client(ClientSettings())
    yield client
    client.close()


def test_a_file_says_what_it_is(tmp_path: Path) -> None:
    found = Distribution(WHEEL.write_to(tmp_path))
    assert (found.filename, found.digests.sha256) == (WHEEL.filename, WHEEL.sha256)
    about = found.metadata
    assert (about.name, about.version, about.requires_dist) == ("foo", "1.0", ("bar",))
    assert (about.requires_python, about.author) == (">=3.9", "UNKNOWN")
    assert WHEEL.filename in repr(found)


def test_a_name_that_is_not_that_of_a_distribution() -> None:
    with pytest.raises(MalformedResponse):
        Distribution("notes.txt")


@pytest.mark.parametrize("built", [WHEEL, SDIST, EGG], ids=lambda built: built.package_type)
def test_a_listed_file_is_fetched_and_read(
    client: Client, tmp_path: Path, built: BuiltFile
) -> None:
    (tmp_path / "there").mkdir()
    listed = file_of(built, built.write_to(tmp_path / "there").as_uri())
    remote = RemoteDistribution("foo", listed, client)
    assert (remote.version, remote.size, remote.yanked) == ("1.0", built.size, False)
    assert remote.metadata().name == "foo"
    found = remote.download(tmp_path / "here")
    assert found.path.read_bytes() == built.content
    assert [path.name for path in (tmp_path / "here").iterdir()] == [built.filename]


def test_other_content_is_not_kept(client: Client, tmp_path: Path) -> None:
    listed = file_of(WHEEL, WHEEL.write_to(tmp_path).as_uri(), digests=Digests("0" * 64))
    with pytest.raises(TransferError):
        RemoteDistribution("foo", listed, client).download(tmp_path / "here")
    assert not (tmp_path / "here" / WHEEL.filename).exists()
