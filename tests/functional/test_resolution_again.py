"""A resolution that is used again is the one that the solver would find."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import Repository
from tests.support.server import PyPIServer

SETTINGS = (
    *("--processes", "1", "--connections", "4", "--min-free-space", "0", "--max-deletes", "100%"),
    *("--no-simple", "--no-server"),
)
TARGET = ("--environments", json.dumps({"linux": "cp312-manylinux_2_28_x86_64"}))
GOALS = ("app", "tool>=1")
LIBRARIES = ("lib-a", "lib-b", "lib-c")


class World:
    """A small index that changes at random, with the settings of a run."""

    def __init__(self, index: FakeIndex, seed: int) -> None:
        self.index = index
        self.random = random.Random(seed)
        self.minor = dict.fromkeys((*LIBRARIES, "app", "tool"), 0)
        self.flags: list[str] = []
        self.goals = list(GOALS)
        for name in LIBRARIES:
            self.release(name)
        self.release("app", "lib-a", "lib-b>=1")
        self.release("tool", "lib-b", 'lib-c ; python_version >= "3.12"')

    def release(self, name: str, *requires: str) -> None:
        self.minor[name] += 1
        version = f"1.{self.minor[name]}"
        self.index.add(name, build_wheel(name, version, requires_dist=requires))

    def changes(self, repo: Repository) -> list[Callable[[], object]]:
        """Return, in an order of chance, what may change the answer, and what may not."""
        library = self.random.choice(LIBRARIES)
        changes: list[Callable[[], object]] = [
            lambda: None,
            lambda: self.release(library),
            lambda: self.release("app", "lib-a", f"{library}<1.2"),
            lambda: self.index.yank(library, f"1.{self.minor[library]}"),
            lambda: self.flags.extend(["--exclude", f"{library}==1.{self.minor[library]}"]),
            lambda: self.goals.append(f"{library}<1.{self.minor[library] + 1}"),
            lambda: min(repo.path.glob("*.whl")).unlink(),
            lambda: self.flags.extend(["--resolve", "latest"]),
        ]
        self.random.shuffle(changes)
        return changes


@pytest.mark.parametrize(
    "seed", [7, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(12))]
)
def test_a_second_run_holds_what_a_first_one_would(
    seed: int, tmp_path: Path, pypi: PyPIServer, index: FakeIndex, run_microrepo: MicrorepoRunner
) -> None:
    world = World(index, seed)
    repo = Repository(tmp_path / "again", pypi.url, run_microrepo, (*SETTINGS, *TARGET))
    for step, change in enumerate(world.changes(repo)):
        words = [word for goal in world.goals for word in ("--packages", goal)]
        fresh = Repository(tmp_path / f"fresh-{step}", pypi.url, run_microrepo, repo.settings)
        done = repo.refresh(*words, *world.flags, expect=None)
        expected = fresh.refresh(*words, *world.flags, expect=None)
        # What is held already spares a repository consequences of what is not met.
        assert (done.exit_code, bool(done.failed)) == (expected.exit_code, bool(expected.failed))
        if expected.exit_code == 0:
            assert {p.name for p in repo.path.glob("*.whl")} == {
                p.name for p in fresh.path.glob("*.whl")
            }
        change()


def test_a_source_without_validators_is_asked_for_documents_alone(
    repo: Repository, pypi: PyPIServer, index: FakeIndex
) -> None:
    pypi.switches.no_etags = True
    repo.settings = (*(flag for flag in SETTINGS if flag != "--no-simple"), *TARGET)
    World(index, 0)
    repo.refresh("--packages", "app", "--packages", "tool")
    pypi.reset()
    second = repo.refresh("--packages", "app", "--packages", "tool")
    asked = sorted(request.path for request in pypi.requests)
    assert asked == [f"/pypi/{name}/json" for name in ("app", *LIBRARIES, "tool")]
    assert (second.solver_s, second.fetched, second.unchanged) == (0.0, 0, 5)


def test_nothing_is_solved_until_a_fact_changes(
    repo: Repository, pypi: PyPIServer, index: FakeIndex
) -> None:
    repo.settings = (*SETTINGS, *TARGET)
    world = World(index, 0)
    first = repo.refresh("--packages", "app", "--packages", "tool")
    asked = len(pypi.requests)
    second = repo.refresh("--packages", "app", "--packages", "tool")
    assert (second.rounds, second.solver_s) == (1, 0.0)
    assert second.passed_over == first.passed_over
    assert (second.projects, second.rejected) == (first.projects, first.rejected)
    paths = [request.path for request in pypi.requests[asked:]]
    assert sorted(paths) == [f"/pypi/{name}/json" for name in ("app", *LIBRARIES, "tool")]

    # What depends on more than the records is solved each time.
    assert repo.refresh("--packages", "app", "--packages", "tool", "--min-age-days", "1").rounds > 1
    min(repo.path.glob("lib_a*.whl")).unlink()
    world.release("lib-b")
    third = repo.refresh("--packages", "app", "--packages", "tool")
    assert third.solver_s > 0
    assert {p.name.partition("-py3")[0] for p in repo.path.glob("lib_*.whl")} == {
        "lib_a-1.1",
        "lib_b-1.2",
        "lib_c-1.1",
    }


def test_only_projects_whose_files_changed_are_planned_again(
    repo: Repository, index: FakeIndex
) -> None:
    repo.settings = (*SETTINGS, *TARGET)
    World(index, 0)
    goals = ("--packages", "app", "--packages", "tool")
    repo.refresh(*goals)
    assert repo.refresh(*goals).totals.keep == 0
    gone, longer, *_ = sorted(repo.path.glob("*.whl"))
    content = longer.read_bytes()
    gone.unlink()
    longer.write_bytes(content + b"0")
    again = repo.refresh(*goals)
    assert (again.solver_s, again.downloaded, again.unchanged) == (0.0, 2, 5)
    assert gone.exists()
    assert longer.read_bytes() == content

    repo.do("delete", "tool")
    assert repo.refresh(*goals).downloaded == 1


def test_projects_that_were_only_looked_at_are_recognised_as_well(
    repo: Repository, pypi: PyPIServer, index: FakeIndex
) -> None:
    """`late` is found to exclude the newest `lib` only after what that needs was asked for."""
    pypi.switches.no_etags = True
    repo.settings = (*SETTINGS, *TARGET)
    needs = {"app": ["lib", "way"], "way": ["way-on"], "way-on": ["late"], "late": ["lib<2"]}
    for name, requires in needs.items():
        index.add(name, build_wheel(name, "1.0", requires_dist=requires))
    index.add("lib", build_wheel("lib", "1.0"))
    index.add("lib", build_wheel("lib", "2.0", requires_dist=["unneeded"]))
    index.add("unneeded", build_wheel("unneeded", "1.0"))
    repo.refresh("--packages", "app")
    pypi.reset()
    second = repo.refresh("--packages", "app")
    assert "/pypi/unneeded/json" in pypi.paths("/")
    assert (second.solver_s, second.fetched, second.unchanged) == (0.0, 0, 6)
    index.add("unneeded", build_wheel("unneeded", "1.1"))
    assert repo.refresh("--packages", "app").solver_s > 0
