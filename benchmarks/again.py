"""The scenarios of a later run: nothing new, a few changes, a whole index with few changes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks import answers, bigindex, corpus, product
from benchmarks.arena import Arena, Run, clear, rounds
from benchmarks.bench import Bench
from benchmarks.contestants import Contestant, Place
from benchmarks.floors import CurlRefresh, CurlRoot, FetchAndDecode
from benchmarks.product import Microrepo
from benchmarks.report import Result, Target, judge
from benchmarks.scenarios import find
from tests.support.state_seeding import seed_state


def participants(bench: Bench, arena: Arena) -> list[Contestant]:
    """Return who finished a first sync; each keeps its output directory."""
    ready: list[Contestant] = []
    for contestant in (*bench.microrepos(), *bench.bandersnatches(), *bench.minirepos(2)):
        place = arena.place(contestant, "plain", "before")
        run = arena.run(contestant, place)
        if run.ok:
            ready.append(contestant)
        else:
            bench.note(f"{contestant.name}: its first sync failed, left out")
    return ready


def no_op(bench: Bench) -> Result:
    """Run again with nothing new upstream."""
    result = Result("No-op refresh, plain, tmpfs")
    touched: set[str] = set()
    with bench.arena("main") as arena:
        ready = participants(bench, arena)

        def one(contestant: Contestant) -> Run:
            place = arena.place(contestant, "plain", "before")
            before = stamps(contestant, place)
            run = arena.run(contestant, place)
            if contestant.complete and stamps(contestant, place) != before:
                touched.add(contestant.name)
            return run

        result.series = rounds([CurlRoot(), *ready], bench.runs, one, bench.patience)
        result.floor = result.series[0]
        ours = find(result, "microrepo")
        healed = ours is not None and _heals(arena, ready[0])
    if ours:
        documents = max(run.traffic.documents for run in ours.runs)
        targets = [
            Target("requests", ours.requests(), 1, ""),
            Target("documents", documents, 0, ""),
            Target("time", ours.wall_s(), 0.3, " s"),
            Target("files touched", float(ours.name in touched), 0, ""),
            Target("a missing and a short file noticed and fetched", float(healed), 1, "", True),
        ]
        result.targets = judge(ours, targets)
    return result


def stamps(contestant: Contestant, place: Place) -> dict[str, tuple[int, int, int]]:
    """Return size, time stamp and inode of every distribution file."""
    return {
        path.name: (status.st_size, status.st_mtime_ns, status.st_ino)
        for path in contestant.found(place)
        for status in [path.stat()]
    }


def _heals(arena: Arena, contestant: Contestant) -> bool:
    """Remove one file, cut another short, and see whether the next run puts both right."""
    place = arena.place(contestant, "plain", "before")
    first, second, *_ = sorted(contestant.found(place))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    run = arena.run(contestant, place)
    print(f"   after damage: {run.traffic}, {run.verdict}", flush=True)
    return bool(run.verdict and run.verdict.perfect)


def refresh(bench: Bench) -> Result:
    """Follow 20 new releases, 3 yanks and 2 deletions."""
    result = Result("Refresh after 20 releases, 3 yanks, 2 deletions, plain, tmpfs")
    with bench.arena("main") as arena:
        ready = participants(bench, arena)
        for contestant in ready:
            place = arena.place(contestant, "plain", "before")
            place.output.rename(_saved(place))
        arena.server.serve("after")

        def one(contestant: Contestant) -> Run:
            place = arena.place(contestant, "plain", "after")
            clear(place.output)
            if contestant.complete:
                # A true copy: a hard link would let one round's state leak into the next.
                subprocess.run(["cp", "-a", _saved(place), place.output], check=True)
            run = arena.run(contestant, place)
            clear(place.output)
            return run

        result.series = rounds([CurlRefresh(), *ready], bench.runs, one, bench.patience)
    result.floor = result.series[0]
    ours = find(result, "microrepo")
    if ours:
        last = ours.runs[-1]
        targets = [
            Target("requests", ours.requests(), result.floor.requests(), ""),
            Target("time", ours.wall_s(), 0.6, " s"),
            Target("stale files left", last.verdict.extra if last.verdict else 1, 0, ""),
        ]
        result.targets = judge(ours, targets)
    return result


def _saved(place: Place) -> Path:
    return place.output.with_name(place.output.name + "-saved")


def index_750k(bench: Bench) -> Result:
    """Compare 750,000 serials with the state, 20 of them changed.

    The state is made by a real first sync of the 41 projects that exist, then copies of the
    row of one without files stand for the rest.
    """
    result = Result("An index of 750,000 projects, 20 changed, plain, tmpfs")
    ours = bench.microrepos()
    if not ours:
        return result
    microrepo = ours[0]
    with bench.arena("big") as arena:
        place = arena.place(microrepo, "plain", "before")
        if not arena.run(microrepo, place).ok:
            result.notes.append("the first sync failed")
            return result
        template = next(
            project.display_name
            for project in corpus.plan_projects(bigindex.SHAPE)
            if project.role == "empty"
        )
        seed_state(product.state_path(place), template, bigindex.filler())
        _big_rounds(bench, arena, microrepo, place, result)
    return result


def _big_rounds(
    bench: Bench, arena: Arena, microrepo: Microrepo, place: Place, result: Result
) -> None:
    arena.server.serve("big-before")
    settled = arena.run(microrepo, place)
    result.notes.append(
        f"the run before, with nothing new: {settled.usage.wall_s:.2f} s, "
        f"{settled.usage.pss_mb:.0f} MB, {settled.traffic.requests} requests, {settled.verdict}"
    )
    place.output.rename(_saved(place))
    arena.server.serve("big-after")

    def one(contestant: Contestant) -> Run:
        here = arena.place(contestant, "plain", "big-after")
        clear(here.output)
        if contestant is microrepo:
            shutil.copytree(_saved(place), here.output)
        return arena.run(contestant, here)

    floor, mine = result.series = rounds(
        [FetchAndDecode(), microrepo], bench.runs, one, bench.patience
    )
    result.floor = floor
    new = answers.load(arena.tree, "after").keys() - answers.load(arena.tree, "before").keys()
    targets = [
        Target("time over fetch + decode", mine.ratio_to(floor), 10),
        Target("memory", mine.pss_mb(), 400, " MB"),
        Target("requests beyond root + documents + files", mine.requests() - 21 - len(new), 0, ""),
    ]
    result.targets = judge(mine, targets)
