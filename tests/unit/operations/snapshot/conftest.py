"""Snapshots of a shelf, made by the commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from microrepo.config.schema import Config
from microrepo.operations.snapshot.snapshot_creation import create_snapshot
from microrepo.operations.snapshot.snapshot_files import Snapshot
from tests.support.shelf import Shelf

Create = Callable[..., Snapshot]


@pytest.fixture
def create(shelf: Shelf, config: Config) -> Create:
    """``create(name)``: publish the shelf and keep it as a snapshot."""

    def make(name: str = "", note: str = "") -> Snapshot:
        shelf.publish()
        made = create_snapshot(config, name, note=note).snapshot
        assert made is not None
        return made

    return make
