"""Kills at random instants: of refreshes and their workers, and of commands on a living index.

``MICROREPO_SOAK_SEED``, ``MICROREPO_SOAK_KILLS`` (200 of refreshes), ``MICROREPO_SOAK_ROUNDS``
(1,000 of four commands) and ``MICROREPO_SOAK_GOALS`` (300 of refreshes with goals, and 300 of
copies and mirrored releases) choose another course.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.support.goal_kills import CopyKills, GoalKills
from tests.support.index import FakeIndex
from tests.support.kill_rounds import COMMANDS, KillRounds
from tests.support.killing import Arena, Victim
from tests.support.programs import MicrorepoRunner
from tests.support.server import PyPIServer

pytestmark = pytest.mark.soak

SEED = os.environ.get("MICROREPO_SOAK_SEED", "1")
KILLS = int(os.environ.get("MICROREPO_SOAK_KILLS", "200"))
ROUNDS = int(os.environ.get("MICROREPO_SOAK_ROUNDS", "1000"))
GOALS = int(os.environ.get("MICROREPO_SOAK_GOALS", "300"))
_PER_TEST = 10
_ROUNDS_PER_TEST = 50
VICTIMS: tuple[Victim, ...] = ("parent", "worker")


@pytest.mark.parametrize("part", range(-(-KILLS // _PER_TEST)))
def test_kills_at_random_instants(
    tmp_path: Path,
    run_microrepo: MicrorepoRunner,
    pypi: PyPIServer,
    index: FakeIndex,
    part: int,
) -> None:
    arena = Arena(tmp_path, run_microrepo, pypi, index)
    rng = random.Random(f"{SEED} {part}")
    for number in range(min(_PER_TEST, KILLS - part * _PER_TEST)):
        victim, from_behind = rng.choice(VICTIMS), rng.random() < 0.5
        try:
            arena.kill_once(rng, victim, from_behind=from_behind)
        except AssertionError as error:
            raise AssertionError(f"kill {number}: {victim}, {from_behind=}") from error


def test_kills_while_a_large_index_goes_in_waves(
    tmp_path: Path, run_microrepo: MicrorepoRunner, pypi: PyPIServer, index: FakeIndex
) -> None:
    arena = Arena(tmp_path, run_microrepo, pypi, index, projects=700)
    rng = random.Random(SEED)
    for number in range(8):
        arena.kill_once(rng, VICTIMS[number % 2], from_behind=number % 4 < 2)


@pytest.mark.parametrize("part", range(-(-ROUNDS // _ROUNDS_PER_TEST)))
def test_four_commands_are_killed_while_the_index_lives(
    tmp_path: Path, run_microrepo: MicrorepoRunner, pypi: PyPIServer, index: FakeIndex, part: int
) -> None:
    rounds = KillRounds(tmp_path, run_microrepo, pypi, index, f"{SEED} {part}")
    rng = random.Random(f"{SEED} {part}")
    for number in range(min(_ROUNDS_PER_TEST, ROUNDS - part * _ROUNDS_PER_TEST)):
        command = rng.choice(COMMANDS)
        try:
            rounds.go(command)
        except AssertionError as error:
            raise AssertionError(f"round {number}: {command}") from error
    print(f"{rounds.kills} of the runs were killed before their end")


@pytest.mark.parametrize("removed", ["delete", "keep", "quarantine"])
def test_goals_are_met_after_kills(
    tmp_path: Path, pypi: PyPIServer, index: FakeIndex, removed: str
) -> None:
    rounds = GoalKills(tmp_path, pypi, index, SEED, removed)
    for number in range(-(-GOALS // 3)):
        try:
            rounds.go()
        except AssertionError as error:
            raise AssertionError(f"round {number}") from error
    print(f"{rounds.kills} of the runs were killed before their end")


@pytest.mark.parametrize("command", ["copy", "mirror"])
def test_copies_are_whole_after_kills(
    tmp_path: Path, pypi: PyPIServer, index: FakeIndex, command: str
) -> None:
    rounds = CopyKills(tmp_path, pypi, index, SEED, command)
    for number in range(-(-GOALS // 2)):
        try:
            rounds.go()
        except AssertionError as error:
            raise AssertionError(f"round {number}") from error
    print(f"{rounds.kills} of the runs were killed before their end")
