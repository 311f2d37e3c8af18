"""A refresh of an index of many projects: what it costs with nothing new, and with changes.

The index is a stand-in for PyPI (`tests.support`): 5,000 projects with files, which change at
random under a seed, and names by the hundred thousand of which no project has changed.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import measure, product
from benchmarks.answers import Verdict, sha256_of
from benchmarks.arena import Run, Series, clear, tail
from benchmarks.bench import Bench
from benchmarks.contestants import Contestant, Place
from benchmarks.floors import FetchAndDecode
from benchmarks.product import Microrepo
from benchmarks.report import Result, Target
from benchmarks.webserver import Endpoint, Traffic
from tests.support.changing import Life
from tests.support.expected import expected_files
from tests.support.index import FakeIndex
from tests.support.listed import ListedOnly
from tests.support.moods import Failing, Moods
from tests.support.server import PyPIServer
from tests.support.state_seeding import seed_state

SIZES = (10_000, 100_000, 750_000)
CHANGES = (0, 200, 2_000)
WITH_FILES = 5_000
BAD_PERCENT = 1  # of the changed projects fail; as many documents are older than announced
SEED = "scale"
_WAYS: tuple[Failing, ...] = ("document", "file", "content")


@dataclass
class World:
    """The index, its server, and what becomes of it."""

    index: FakeIndex
    server: PyPIServer
    life: Life
    moods: Moods
    rng: random.Random = field(default_factory=lambda: random.Random(SEED))
    asked: int = 0

    def change(self, projects: int) -> None:
        """Go on changing until so many projects have changed; let some of them misbehave."""
        before = set(self.life.changed)
        while len(self.life.changed) < projects:
            self.life.step()
        fresh = sorted((self.life.changed - before) & set(self.life.names()))
        for name in self.rng.sample(fresh, len(fresh) * BAD_PERCENT // 100):
            self.moods.fail(name, self.rng.choice(_WAYS))
        for name in self.rng.sample(fresh, len(fresh) * BAD_PERCENT // 100):
            self.moods.age(name, times=1000)
            self.life.release(name)

    def traffic(self) -> Traffic:
        """Return what was asked for since the last time."""
        new, self.asked = self.server.requests[self.asked :], len(self.server.requests)
        kinds = [request.path.split("/", 2)[1] for request in new]
        return Traffic(
            len(new),
            sum(request.bytes_sent for request in new),
            kinds.count("pypi"),
            kinds.count("packages"),
            kinds.count("simple"),
            sum(request.status not in {200, 206, 304} for request in new),
        )

    def verdict(self, contestant: Contestant, place: Place) -> Verdict:
        """Compare the files with what they have to be; failing projects are left out of both."""
        bad = self.moods.bad()
        wanted = {
            file.filename: file.built.sha256
            for name, files in expected_files(self.index, versions=1).items()
            if name not in bad
            for file in files
        }
        found = {
            path.name: path for path in contestant.found(place) if _project(path.name) not in bad
        }
        both = wanted.keys() & found.keys()
        right = sum(sha256_of(found[name]) == wanted[name] for name in both)
        return Verdict(
            right, len(both) - right, len(wanted.keys() - both), len(found.keys() - both)
        )


def _project(filename: str) -> str:
    number = filename.removeprefix("p_").removeprefix("p-").partition("-")[0]
    return f"p-{number}"


def scale(bench: Bench, sizes: Sequence[int] = SIZES) -> Result:
    """Refresh with 0, 200 and 2,000 changed projects at each size of the index."""
    result = Result("Refreshes of indexes of several sizes, tmpfs")
    output, scratch = bench.work_dir / "scale-output", bench.work_dir / "scale-scratch"
    try:
        _fill(bench, sizes, output, scratch, result)
    finally:
        clear(output)
        clear(scratch)
    result.targets = _judge(result.series, sizes)
    return result


def index_size(text: str) -> int:
    """Return a number of listed projects from the command line.

    Raises:
        ValueError: it is none, or leaves no room for projects without files.
    """
    size = int(text)
    if size <= WITH_FILES:
        raise ValueError(text)
    return size


def _fill(bench: Bench, sizes: Sequence[int], output: Path, scratch: Path, result: Result) -> None:
    clear(output)
    index = FakeIndex()
    index.folder = "packages"
    with PyPIServer(index, port=bench.first_port + 5) as server:
        world = World(
            index, server, Life(index, SEED), Moods(server, lambda _: None, "/pypi/{}/json")
        )
        world.life.populate(WITH_FILES)
        world.life.changed.clear()
        # One name without files, whose row in the state becomes that of all the others.
        index.listed_only = ListedOnly(1)
        scenes = _Scenes(bench, world, output, scratch, result)
        scenes.begin()
        for changed in CHANGES:
            world.change(changed)
            for size in sizes:
                scenes.play(size, changed)


class _Scenes:
    """Runs each contestant from what its first sync has left, at one size and so many changes."""

    def __init__(
        self, bench: Bench, world: World, output: Path, scratch: Path, result: Result
    ) -> None:
        self._bench = bench
        self._world = world
        self._output = output
        self._scratch = scratch
        self._result = result
        self._contestants: list[Contestant] = []
        self._seeded: set[int] = set()

    def begin(self) -> None:
        """Let each contestant mirror the projects that have files."""
        for contestant in (
            *self._bench.microrepos(with_simple=True)[-1:],
            *self._bench.bandersnatches(),
        ):
            run = self._run(contestant)
            if run.ok and run.verdict is not None and run.verdict.perfect:
                self._contestants.append(contestant)
                self._place(contestant).output.rename(self._saved(contestant))
            else:
                self._bench.note(f"{contestant.name}: its first sync failed, left out")
        self._result.notes.append(f"first: {WITH_FILES} projects mirrored by each, not measured")

    def play(self, size: int, changed: int) -> None:
        """Measure all at one size of the index."""
        index = self._world.index
        with index.lock:
            index.listed_only = ListedOnly(size - WITH_FILES)
            index.serial += 1
        self._world.server.site.find("/simple/", {})
        who: list[Contestant] = [*self._contestants]
        if not changed:
            who.insert(0, FetchAndDecode())
        series = [Series(_named(each, size, changed)) for each in who]
        for _ in range(self._bench.runs):
            for contestant, one in zip(who, series, strict=True):
                if contestant.complete:
                    self._restore(contestant, size)
                one.runs.append(self._run(contestant))
        self._result.series += series

    def _restore(self, contestant: Contestant, size: int) -> None:
        place, saved = self._place(contestant), self._saved(contestant)
        clear(place.output)
        shutil.copytree(saved, place.output, symlinks=True)
        if isinstance(contestant, Microrepo):
            seeded = self._scratch / f"state-{size}.db"
            if size not in self._seeded:
                (template, _), *others = ListedOnly(size - WITH_FILES)
                seed_state(product.state_path(place), template, others)
                shutil.copy2(product.state_path(place), seeded)
                self._seeded.add(size)
            shutil.copy2(seeded, product.state_path(place))

    def _run(self, contestant: Contestant) -> Run:
        place = self._place(contestant)
        place.scratch.mkdir(parents=True, exist_ok=True)
        job = contestant.job(place)
        self._world.traffic()
        usage = measure.run(job.command, place.scratch / "output.log", job.env, timeout_s=600)
        traffic = self._world.traffic()
        verdict = self._world.verdict(contestant, place) if contestant.complete else None
        ok = not usage.timed_out and usage.exit_code in {0, 3}
        if not ok:
            print(tail(place.scratch / "output.log"))
        print(
            f"   {time.strftime('%X')} {contestant.name}: {usage}, {traffic}, {verdict}", flush=True
        )
        return Run(usage, traffic, verdict, ok)

    def _place(self, contestant: Contestant) -> Place:
        slug = "".join(c if c.isalnum() else "-" for c in contestant.name)
        return Place(
            self._output / slug,
            self._scratch / slug,
            Endpoint("plain", self._world.server.port),
            self._output,
            "",
            self._scratch / "no-ca.pem",
        )

    def _saved(self, contestant: Contestant) -> Path:
        place = self._place(contestant)
        return place.output.with_name(f"{place.output.name}-saved")


def _named(contestant: Contestant, size: int, changed: int) -> str:
    return f"{contestant.name}, {size:,} listed, {changed:,} changed"


def _judge(series: Sequence[Series], sizes: Sequence[int]) -> list[Target]:
    found = {one.name: one for one in series}
    largest, smallest, most = max(sizes), min(sizes), max(CHANGES)
    ours, theirs = "microrepo + simple/", "bandersnatch, 10 workers"

    def per_project(name: str, size: int) -> float:
        """Return the CPU milliseconds that each changed project adds to a run without news."""
        cpu = [found[f"{name}, {size:,} listed, {n:,} changed"].cpu_s() for n in (0, most)]
        return (cpu[1] - cpu[0]) * 1000 / most

    def of(name: str, size: int, changed: int) -> Series | None:
        return found.get(f"{name}, {size:,} listed, {changed:,} changed")

    targets = []
    busy, quiet, floor = (
        of(ours, largest, most), of(ours, largest, 0), of(FetchAndDecode.name, largest, 0)
    )  # fmt: skip
    if busy and quiet and floor:
        faults = sum(one.faults() for one in series if one.name.startswith(ours))
        targets = [
            Target("runs with a fault", faults, 0, ""),
            Target("memory of all processes", busy.pss_mb(), 450, " MB"),
            Target("CPU without news over fetch + decode", quiet.cpu_ratio_to(floor), 10),
            Target(
                "CPU of each changed project, largest over smallest index",
                per_project(ours, largest) / per_project(ours, smallest), 1.25,
            ),
        ]  # fmt: skip
    if targets and of(theirs, largest, most):
        ratio = per_project(ours, largest) / per_project(theirs, largest)
        targets.append(Target("CPU of each changed project over bandersnatch's", ratio, 0.5))
    return targets
