"""Channels: destinations, their lock, and what is left when they close."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.errors import Cancelled, Locked
from microrepo.operations.apply.index_destination import IndexDestination
from microrepo.operations.apply.repository_directory import Placement, RepositoryDirectory
from microrepo.operations.copy.channel import Channel, open_channel
from microrepo.operations.copy.endpoints import Endpoints
from microrepo.repositories.protocol import DestinationSettings, SourceSettings
from microrepo.stores.flat_directory import FlatDirectory
from tests.unit.operations.conftest import MakeChannel


def endpoints(source: Path, target: Path) -> Endpoints:
    return Endpoints(
        SourceSettings("directory", str(source), name="source"),
        DestinationSettings("directory", str(target), name="target"),
    )


def test_a_directory_is_read_once_until_it_is_looked_at_again(
    open_near: MakeChannel, target: Path
) -> None:
    channel = open_near()
    destination = channel.destination(Placement())
    assert isinstance(destination, RepositoryDirectory)
    (target / "foo-1.0.tar.gz").write_bytes(b"x")
    assert channel.destination(Placement()).catalogue([]).find("foo-1.0.tar.gz") is None
    channel.look_again()
    assert channel.destination(Placement()).catalogue([]).find("foo-1.0.tar.gz") is not None


def test_space_to_leave_free_is_guarded(config: Config, source: Path, target: Path) -> None:
    greedy = msgspec.structs.replace(config, min_free_space="1000000 TB")
    channel = Channel(greedy, endpoints(source, target), FlatDirectory(target), lambda _: None)
    assert channel.destination(Placement()).prepare([]) == ""
    assert channel._settings.destination is None


def index_channel(config: Config, source: Path, target: Path, **more: object) -> Channel:
    to = DestinationSettings("upload", "https://u.example/", auth=("me", "old"), name="u.example")
    ends = msgspec.structs.replace(endpoints(source, target), destination=to, **more)
    return Channel(config, ends, FlatDirectory(target), lambda _: None)


def test_an_index_is_sent_to(config: Config, source: Path, target: Path) -> None:
    channel = index_channel(config, source, target)
    assert isinstance(channel.destination(Placement()), IndexDestination)
    assert not channel.new_login()


def test_another_login_takes_the_place_of_the_refused_one(
    config: Config, source: Path, target: Path
) -> None:
    channel = index_channel(config, source, target, relogin=lambda: ("me", "new"))
    assert channel.new_login()
    settings = channel._settings.destination
    assert settings is not None
    assert settings.auth == ("me", "new")


def test_a_closed_channel_starts_no_workers(config: Config, source: Path, target: Path) -> None:
    channel = index_channel(config, source, target)
    channel.close()
    with pytest.raises(Cancelled):
        channel.pool()


def test_the_destination_is_locked(config: Config, source: Path, tmp_path: Path) -> None:
    ends = endpoints(source, tmp_path / "new")
    with (
        open_channel(config, ends, lambda _: None, dry_run=False),
        pytest.raises(Locked),
        open_channel(config, ends, lambda _: None, dry_run=False),
    ):
        pass
    assert not (tmp_path / "new").exists()


def test_a_dry_run_takes_no_lock(config: Config, source: Path, tmp_path: Path) -> None:
    ends = endpoints(source, tmp_path / "new")
    with (
        open_channel(config, ends, lambda _: None, dry_run=False),
        open_channel(config, ends, lambda _: None, dry_run=True) as channel,
    ):
        assert channel.directory.partial.parent != tmp_path / "new/.microrepo"
