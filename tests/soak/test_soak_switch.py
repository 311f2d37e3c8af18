"""Restores and creations that are killed at every step on the file system, and at random instants.

``MICROREPO_SOAK_SEED`` and ``MICROREPO_SOAK_SWITCHES`` (300 random kills) choose another course.
"""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.support.killed_commands import KilledCommands
from tests.support.switch_world import KILLED, SwitchWorld, kill_at

pytestmark = pytest.mark.soak

SEED = os.environ.get("MICROREPO_SOAK_SEED", "1")
SWITCHES = int(os.environ.get("MICROREPO_SOAK_SWITCHES", "300"))


@pytest.mark.parametrize("replaced", [False, True])
def test_a_restore_killed_at_every_step(tmp_path: Path, replaced: bool) -> None:
    world = SwitchWorld(tmp_path / "repository", replaced=replaced)
    steps = world.copy_to(tmp_path / "counted").steps_of("snapshot", "restore", "one")
    for step in range(1, steps):
        one = world.copy_to(tmp_path / f"step{step}")
        code, said = one.run_apart(kill_at(step), "snapshot", "restore", "one")
        assert code == KILLED, said
        one.check_completion("one")
        shutil.rmtree(one.path)


@pytest.mark.parametrize("replaced", [False, True])
def test_a_completion_killed_at_every_step(tmp_path: Path, replaced: bool) -> None:
    """The run that completes a switch is killed too."""
    world = SwitchWorld(tmp_path / "repository", replaced=replaced)
    steps = world.copy_to(tmp_path / "counted").steps_of("snapshot", "restore", "one")
    rng = random.Random(SEED)
    for step in range(1, steps):
        one = world.copy_to(tmp_path / f"step{step}")
        one.run_apart(kill_at(steps - step), "snapshot", "restore", "one")
        one.run_apart(kill_at(rng.randint(1, step)), "verify")
        one.check_completion("one")
        shutil.rmtree(one.path)


def test_kills_at_random_instants(tmp_path: Path) -> None:
    world = SwitchWorld(tmp_path / "repository")
    rng = random.Random(SEED)
    commands = KilledCommands(rng)
    commands.run(world.arguments("snapshot", "restore", "one"))
    commands.run(world.arguments("snapshot", "restore", "two"))
    for _ in range(SWITCHES):
        target = rng.choice(["one", "two"])
        before = world.check_readers()
        commands.kill(world.arguments("snapshot", "restore", target))
        began = (world.path / ".microrepo/switch.json").exists()
        seen = world.check_readers()
        assert seen in {before, target}
        assert world.run("verify") == 0
        world.is_consistent(target if began else seen)
    assert commands.kills > SWITCHES // 3
