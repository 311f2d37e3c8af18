"""Restores and creations that are killed at steps on the file system, or that disks refuse."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.support.switch_world import KILLED, NO_LINKS, SwitchWorld, fail, kill_at

PARTS = 6


@pytest.fixture
def world(tmp_path: Path) -> SwitchWorld:
    return SwitchWorld(tmp_path / "repository")


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("part", range(PARTS))
def test_a_restore_that_is_killed(tmp_path: Path, part: int, replaced: bool) -> None:
    world = SwitchWorld(tmp_path / "repository", replaced=replaced)
    steps = world.copy_to(tmp_path / "counted").steps_of("snapshot", "restore", "one")
    assert steps > 50
    for step in range(1 + part * steps // (PARTS * 4), steps, steps // 4 + 1):
        one = world.copy_to(tmp_path / f"step{step}")
        code, _ = one.run_apart(kill_at(step), "snapshot", "restore", "one")
        assert code == KILLED
        one.check_completion("one")


@pytest.mark.parametrize("part", range(4))
def test_a_creation_that_is_killed(world: SwitchWorld, tmp_path: Path, part: int) -> None:
    steps = world.copy_to(tmp_path / "counted").steps_of("snapshot", "create", "three")
    step = 1 + (steps - 2) * part // 3
    code, _ = world.run_apart(kill_at(step), "snapshot", "create", "three")
    assert code == KILLED
    names = {path.name for path in (world.path / ".microrepo/snapshots").glob("*.jsonl")}
    if "three.jsonl" in names:
        assert world.run("snapshot", "show", "three", "--deep") == 0
    else:
        assert names == {"one.jsonl", "two.jsonl"}
        assert world.run("snapshot", "create", "three") == 0
    assert world.run("snapshot", "delete", "three") == 0
    assert list((world.path / ".microrepo/snapshots").glob(".*")) == []
    world.is_consistent("two")


def test_a_disk_without_links(world: SwitchWorld) -> None:
    """Contents are copied then, and everything else holds."""
    code, said = world.run_apart(NO_LINKS, "snapshot", "create", "copied")
    assert (code, said) == (0, "")
    for name in ("one", "two", "one"):
        code, said = world.run_apart(NO_LINKS, "snapshot", "restore", name)
        assert (code, said) == (0, "")
        world.is_consistent(name)


@pytest.mark.parametrize("part", range(5))
def test_a_disk_that_is_full(world: SwitchWorld, tmp_path: Path, part: int) -> None:
    steps = world.copy_to(tmp_path / "counted").steps_of("snapshot", "restore", "one")
    full = fail(errno.ENOSPC, 1 + (steps - 2) * part // 4)
    code, said = world.run_apart(full, "snapshot", "restore", "one")
    assert "Traceback" not in said
    began = (world.path / ".microrepo/switch.json").exists()
    assert code == 1 or (code in {0, 3} and not began), said
    assert code != 1 or "ENOSPC" in said, said
    seen = world.check_readers()
    assert world.run("verify") == 0  # when there is room again
    world.is_consistent("one" if began or code != 1 else seen)
