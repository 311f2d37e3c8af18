"""Snapshots of the shelf, and switches to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.snapshot.snapshot_creation import PresentState
from microrepo.operations.snapshot.snapshot_files import KeptBy, SnapshotFiles
from microrepo.operations.switch.manifest_switch import ManifestSwitch
from microrepo.operations.switch.switch_plan import SwitchKind, SwitchPlan
from microrepo.operations.switch.switch_target import SwitchTarget
from microrepo.state import Owner
from microrepo.stores.objects.protected_contents import ProtectedContents
from tests.support.shelf import Shelf

Keep = Callable[[str], str]
Switch = Callable[..., SwitchPlan]


@pytest.fixture
def keep(holdings: Holdings, work: WorkContext) -> Keep:
    """``keep(name)``: keep what the shelf has as a snapshot, and return its id."""

    def make(name: str) -> str:
        present = PresentState(holdings, work, writes=True)
        return present.keep(name, KeptBy.PERSON).snapshot

    return make


@pytest.fixture
def switch(shelf: Shelf, holdings: Holdings, work: WorkContext, config: Config) -> Switch:
    """``switch(name, owner=None)``: switch the shelf to a snapshot."""

    def run(name: str, owner: Owner | None = None) -> SwitchPlan:
        with shelf.state.transaction():
            work.report.run = shelf.state.start_run(work.now, "restore")
        return ManifestSwitch(config, holdings, work).apply(target_of(shelf, name, owner))

    return run


def target_of(shelf: Shelf, name: str, owner: Owner | None = None) -> SwitchTarget:
    """Return a snapshot of the shelf as a target."""
    store, files = ProtectedContents.of(shelf.path), SnapshotFiles(shelf.path)

    def content(sha256: str) -> Iterator[Path]:
        yield store.place(sha256)

    return SwitchTarget(
        SwitchKind.RESTORE,
        name,
        lambda: files.entries(name),
        content,
        lambda row: row.is_ours,
        owner,
    )


def wheels(shelf: Shelf) -> list[str]:
    """Return the names of the wheels in the directory."""
    return sorted(name for name in shelf.directory.scan() if name.endswith(".whl"))
