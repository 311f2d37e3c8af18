"""The scenarios of one sync: first mirror, large files, verification, memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.arena import Arena, Run, Series, clear, rounds
from benchmarks.bench import Bench, link_flat, warm_up
from benchmarks.contestants import Contestant, Flat, Job, Place
from benchmarks.floors import Copy, Curl, Sha256
from benchmarks.product import Microrepo
from benchmarks.report import Result, Target, judge
from benchmarks.webserver import LATENCY_S, has_latency_module


def fresh(arena: Arena, mode: str, connections: int = 20) -> Callable[[Contestant], Run]:
    """Return a function that runs a contestant into an empty directory, and clears it."""

    def one(contestant: Contestant) -> Run:
        place = arena.place(contestant, mode, "before", connections)
        clear(place.output)
        run = arena.run(contestant, place)
        clear(place.output)
        return run

    return one


def first_sync(bench: Bench, mode: str = "plain", disk: Path | None = None) -> Result:
    """Mirror into an empty directory: plain, by TLS, HTTP/2, with latency, on tmpfs or disk."""
    where = f"disk ({disk})" if disk else "tmpfs"
    result = Result(f"First sync, {mode}, {where}")
    if mode == "latency" and not has_latency_module():
        result.notes.append("skipped: nginx can't sleep (Debian: libnginx-mod-http-echo)")
        return result
    slow = mode == "latency"
    with bench.arena("main", mode, disk) as arena:
        reference = link_flat(arena.tree, "before", arena.scratch / "reference")
        floor = Curl(documents=True)
        ours = bench.microrepos(with_simple=mode == "plain" and not disk)
        extra: list[Contestant] = [] if slow else [Copy(reference), Curl(documents=False)]
        peers = [*bench.bandersnatches(), *bench.minirepos(*([20] if slow else [2, 20]))]
        warm_up(arena, "plain")
        one = fresh(arena, mode, 50 if slow else 20)
        result.series = rounds([floor, *extra, *ours, *peers], bench.runs, one, bench.patience)
        if mode == "plain" and not disk:
            result.series += rounds(bench.pips(), 1, one, bench.patience)
    result.floor = result.series[0]
    if ours:
        _first_sync_targets(result, mode, disk=disk is not None)
    return result


def find(result: Result, prefix: str) -> Series | None:
    """Return the first series whose name starts with `prefix`."""
    return next((s for s in result.series if s.name.startswith(prefix)), None)


def _first_sync_targets(result: Result, mode: str, *, disk: bool) -> None:
    ours = find(result, "microrepo")
    if not ours or not result.floor:
        return
    peers: tuple[tuple[str, float], ...]
    if mode == "latency":
        first = Target("time over requests x 50 ms / 50 connections", _over_limit(ours), 1.2)
        peers = (("bandersnatch", 4.0),)
    else:
        reached = ours.ratio_to(result.floor)
        first = Target("time over curl's for the same", reached, 1.4 if disk else 3.0)
        peers = (("bandersnatch", 3.0), ("minirepo, 2 ", 1.2), ("minirepo, 20 ", 1.4))
    targets = [first]
    for prefix, least in peers:
        peer = find(result, prefix)
        if peer and not peer.faults():
            ratio = peer.ratio_to(ours)
            targets.append(Target(f"faster than {peer.name}", ratio, least, at_least=True))
    spare = ours.requests() - result.floor.requests()
    targets.append(Target("requests beyond documents + files", spare, 1, ""))
    if mode != "latency":
        targets.append(Target("memory", ours.pss_mb(), 120, " MB"))
    result.targets = judge(ours, targets)
    if disk or mode != "plain":
        result.notes.append("reported, not gated: only plain HTTP on tmpfs is steady enough")


def _over_limit(series: Series) -> float:
    """Return the median of wall time over what the latency alone costs on 50 connections."""
    return median(
        run.usage.wall_s / (max(run.traffic.requests, 1) * LATENCY_S / 50) for run in series.runs
    )


def large_files(bench: Bench) -> Result:
    """12 files of 100 MB: the network and the hash are all that counts."""
    result = Result("Large files: 12 x 100 MB, plain, tmpfs")
    with bench.arena("large") as arena:
        reference = link_flat(arena.tree, "before", arena.scratch / "reference")
        floor, hashing = Curl(documents=True), Sha256(reference)
        ours = bench.microrepos()
        warm_up(arena, "plain")
        contestants: list[Contestant] = [floor, hashing, *ours, *bench.bandersnatches()]
        result.series = rounds(contestants, bench.runs, fresh(arena, "plain"), bench.patience)
    result.floor = curl = result.series[0]
    if ours:
        sha, mine = result.series[1:3]
        ratio = median(
            m.usage.wall_s / max(c.usage.wall_s, s.usage.wall_s)
            for m, c, s in zip(mine.runs, curl.runs, sha.runs, strict=True)
        )
        targets = [
            Target("time over the slower of curl and sha256 on both cores", ratio, 1.3),
            Target("memory", mine.pss_mb(), 120, " MB"),
        ]
        result.targets = judge(mine, targets)
    return result


class Verify(Flat):
    """`microrepo verify --deep` of a repository that is there."""

    name = "microrepo verify --deep"

    def __init__(self, microrepo: Microrepo, place: Place) -> None:
        self._microrepo = microrepo
        self._place = place

    def job(self, place: Place) -> Job:
        del place
        return self._microrepo.verify_job(self._place)

    def found(self, place: Place) -> list[Path]:
        """Return the files of the repository that is verified."""
        del place
        return super().found(self._place)


def verify(bench: Bench) -> Result:
    """Hash every file again, against openssl on both cores."""
    result = Result("verify --deep, tmpfs")
    ours = bench.microrepos()
    if not ours:
        return result
    with bench.arena("main") as arena:
        place = arena.place(ours[0], "plain", "before")
        if not arena.run(ours[0], place).ok:
            result.notes.append("the first sync failed")
            return result
        hashing, verifying = Sha256(place.files), Verify(ours[0], place)
        result.series = rounds(
            [hashing, verifying],
            bench.runs,
            lambda c: arena.run(c, arena.place(c, "plain", "before")),
            bench.patience,
        )
        result.floor, mine = result.series
        healthy = all(run.usage.exit_code == 0 for run in mine.runs)
        found = _finds_damage(arena, verifying, place)
    targets = [
        Target("time over openssl sha256 on both cores", mine.ratio_to(result.floor), 1.3),
        Target("healthy repository called damaged", 0 if healthy else 1, 0, ""),
        Target("one flipped bit found (exit 3)", float(found), 1, "", at_least=True),
        Target("requests", mine.requests(), 0, ""),
    ]
    result.targets = judge(mine, targets)
    return result


def _finds_damage(arena: Arena, verifying: Verify, place: Place) -> bool:
    """Flip one bit, keeping size and time stamp, and see whether `verify --deep` notices."""
    victim = max(verifying.found(place), key=lambda path: path.stat().st_size)
    status = victim.stat()
    with victim.open("r+b") as file:
        file.seek(status.st_size // 2)
        byte = file.read(1)[0]
        file.seek(status.st_size // 2)
        file.write(bytes([byte ^ 1]))
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
    run = arena.run(verifying, arena.place(verifying, "plain", "before"))
    return run.usage.exit_code == 3


def memory(bench: Bench) -> Result:
    """Peak memory of a first sync at several shapes."""
    result = Result("Memory of a first sync, plain, tmpfs")
    if not bench.microrepos():
        return result
    with bench.arena("main") as arena:
        warm_up(arena, "plain")
        for processes, connections in ((1, 10), (2, 20), (2, 50), (4, 20)):
            shape = Microrepo(processes=processes)
            shape.name = f"microrepo, {processes} processes, {connections} connections"
            result.series += rounds(
                [shape], bench.runs, fresh(arena, "plain", connections), bench.patience
            )
    asked = find(result, "microrepo, 2 processes, 20 ")
    if asked:
        result.targets = judge(asked, [Target("memory at 2 x 10", asked.pss_mb(), 120, " MB")])
    return result
