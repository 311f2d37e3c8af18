"""The scenario `gates`: what `security: strict` costs a first sync and a refresh.

The index has no attested file, nothing is too young, and no dependencies are followed, so these
checks find nothing to do.
"""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from benchmarks import answers
from benchmarks.arena import Arena, Run, Series, clear, rounds
from benchmarks.bench import Bench, warm_up
from benchmarks.contestants import Contestant, Place
from benchmarks.product import Microrepo
from benchmarks.report import Result, Target
from benchmarks.scenarios import fresh

# As many as OSV has about Python projects.
RECORDS = 20_000
_PER_PROJECT = 5
# Of an index of popular projects, advisories are about a fifth.
_ADVISED = 5


class Gated(Microrepo):
    """microrepo with all checks, and advisories of which none affects what is selected."""

    def __init__(self, archive: Path) -> None:
        super().__init__(simple=True)
        self.name = "microrepo + simple/, all gates"
        self._archive = archive

    def write_config(self, place: Place) -> Path:
        path = super().write_config(place)
        config = json.loads(path.read_text())
        # Some uploads of the tree are younger than any delay.
        config |= {"security": "strict", "min_age_days": 0, "advisories": str(self._archive)}
        path.write_text(json.dumps(config, indent=1))
        return path


def gates(bench: Bench) -> Result:
    """Sync an empty directory, then follow a few changes, with and without the checks."""
    result = Result("All gates: first sync, then 20 releases, 3 yanks, 2 deletions; plain, tmpfs")
    with bench.arena("main") as arena:
        archive = arena.scratch / "all.zip"
        write_archive(archive, sorted(projects_of(arena.tree))[::_ADVISED])
        contestants: list[Contestant] = [Microrepo(simple=True), Gated(archive)]
        warm_up(arena, "plain")
        plain, gated = rounds(contestants, bench.runs, fresh(arena, "plain"), bench.patience)
        result.targets = _targets("first sync", gated, plain)
        result.series = [plain, gated]
        refreshed = rounds(contestants, bench.runs, _refreshing(arena, contestants), bench.patience)
        result.targets += _targets("refresh after changes", refreshed[1], refreshed[0])
        result.series += refreshed
    result.floor = plain
    return result


def _targets(what: str, gated: Series, plain: Series) -> list[Target]:
    faults = plain.faults() + gated.faults()
    return [
        Target(f"{what}: runs with a fault", faults, 0, ""),
        Target(f"{what}: time with all gates over none", gated.ratio_to(plain), 1.25),
        Target(f"{what}: CPU time with all gates over none", gated.cpu_ratio_to(plain), 1.25),
    ]


def _refreshing(arena: Arena, contestants: Iterable[Contestant]) -> Callable[[Contestant], Run]:
    """Return a function that refreshes a copy of what a first sync left."""
    saved: dict[str, Path] = {}
    for contestant in contestants:
        place = arena.place(contestant, "plain", "before")
        clear(place.output)
        arena.run(contestant, place)
        saved[contestant.name] = place.output.with_name(f"{place.output.name}-saved")
        place.output.rename(saved[contestant.name])
    arena.server.serve("after")

    def one(contestant: Contestant) -> Run:
        place = arena.place(contestant, "plain", "after")
        clear(place.output)
        subprocess.run(["cp", "-a", saved[contestant.name], place.output], check=True)
        run = arena.run(contestant, place)
        clear(place.output)
        return run

    return one


def projects_of(tree: Path) -> set[str]:
    """Return the projects with files in the tree."""
    return {str(canonicalize_name(name.partition("-")[0])) for name in answers.load(tree, "before")}


def write_archive(path: Path, projects: Sequence[str]) -> None:
    """Write an archive as OSV's: advisories for these projects, and for others."""
    others = [f"other-{number}" for number in range(RECORDS - _PER_PROJECT * len(projects))]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, project in enumerate([*(_PER_PROJECT * list(projects)), *others]):
            name = f"PYSEC-2026-{number}"
            archive.writestr(f"{name}.json", json.dumps(_record(name, project)))


def _record(name: str, project: str) -> dict[str, Any]:
    events = [{"introduced": "9999"}, {"fixed": "9999.1"}]
    return {
        "id": name,
        "modified": "2026-11-01T00:00:00Z",
        "summary": f"A fault of {project}",
        "details": "It is described here at some length. " * 20,
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": project},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
    }
