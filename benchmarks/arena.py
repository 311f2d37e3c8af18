"""Interleaved runs of several contestants on the same work, each checked file by file."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import answers, measure
from benchmarks.answers import Verdict
from benchmarks.contestants import Contestant, Job, Place
from benchmarks.measure import Usage
from benchmarks.webserver import Server, Traffic


@dataclass(frozen=True)
class Run:
    """One measured run and what it left behind."""

    usage: Usage
    traffic: Traffic
    verdict: Verdict | None
    ok: bool
    server_cpu_s: float = 0
    others_share: float = 0


@dataclass
class Series:
    """All runs of one contestant, in the order of the rounds."""

    name: str
    complete: bool = True
    runs: list[Run] = field(default_factory=list)

    def wall_s(self) -> float:
        """Median wall time."""
        return median(run.usage.wall_s for run in self.runs)

    def cpu_s(self) -> float:
        """Median user + system time of the process tree."""
        return median(run.usage.cpu_s for run in self.runs)

    def pss_mb(self) -> float:
        """Highest memory of any run, in 10^6 bytes."""
        return max(run.usage.pss_mb for run in self.runs)

    def server_cpu_s(self) -> float:
        """Median CPU time of nginx."""
        return median(run.server_cpu_s for run in self.runs)

    def others_share(self) -> float:
        """Median share of the machine that programs outside the benchmark used meanwhile."""
        return median(run.others_share for run in self.runs)

    def requests(self) -> int:
        """Most requests of any run."""
        return max(run.traffic.requests for run in self.runs)

    def ratio_to(self, other: Series) -> float:
        """Median over the rounds of this contestant's time over the other's in that round."""
        pairs = zip(self.runs, other.runs, strict=False)
        return median(mine.usage.wall_s / theirs.usage.wall_s for mine, theirs in pairs)

    def cpu_ratio_to(self, other: Series) -> float:
        """Median over the rounds of this contestant's CPU time over the other's."""
        pairs = zip(self.runs, other.runs, strict=False)
        return median(mine.usage.cpu_s / max(theirs.usage.cpu_s, 0.001) for mine, theirs in pairs)

    def faults(self) -> int:
        """Count the runs that ended badly or did not leave exactly the right files."""
        return sum(
            not run.ok or (run.verdict is not None and not run.verdict.perfect) for run in self.runs
        )


@dataclass(frozen=True)
class Arena:
    """Where runs happen: the server, the tree, the directory for output and for scratch."""

    server: Server
    tree: Path
    output: Path
    scratch: Path
    timeout_s: float = 600

    def place(
        self, contestant: Contestant, mode: str, version: str, connections: int = 20
    ) -> Place:
        """Return the place of one contestant; its scratch directory is made."""
        slug = "".join(c if c.isalnum() else "-" for c in contestant.name)
        scratch = self.scratch / slug
        scratch.mkdir(parents=True, exist_ok=True)
        return Place(
            self.output / slug,
            scratch,
            self.server.endpoints[mode],
            self.tree,
            version,
            self.server.ca_file,
            connections,
        )

    def run(self, contestant: Contestant, place: Place, job: Job | None = None) -> Run:
        """Run one job (default: the contestant's own) and check what is there afterwards."""
        job = job or contestant.job(place)
        # Dirty pages of the round before must not be written during this one.
        os.sync()
        self.server.mark()
        log = place.scratch / "output.log"
        busy_s, server_s = measure.machine_cpu_s(), self.server.cpu_s()
        usage = measure.run(job.command, log, job.env, self.timeout_s)
        busy_s, server_s = measure.machine_cpu_s() - busy_s, self.server.cpu_s() - server_s
        others_s = max(0.0, busy_s - server_s - usage.cpu_s)
        traffic = self.server.traffic()
        verdict = None
        if contestant.complete:
            expected = answers.load(place.tree, place.version)
            verdict = answers.check(expected, contestant.found(place))
        ok = usage.exit_code in job.good_exits and not usage.timed_out
        if not ok:
            print(f"!! {contestant.name}: exit {usage.exit_code}: {tail(log)}", flush=True)
        share = others_s / (usage.wall_s * (os.cpu_count() or 1))
        return Run(usage, traffic, verdict, ok, server_s, share)


def tail(log: Path, length: int = 600) -> str:
    """Return the end of a log file."""
    return log.read_bytes()[-length:].decode(errors="replace")


@dataclass(frozen=True)
class Patience:
    """When a run counts: others used at most `max_others` of the machine meanwhile.

    Before a run it waits up to `wait_s` for the machine to be that quiet.
    """

    max_others: float = 1.0
    attempts: int = 3
    wait_s: float = 20

    def wait_for_quiet(self) -> None:
        """Return as soon as the machine is quiet enough, or time is up."""
        deadline = time.monotonic() + self.wait_s
        while self.max_others < 1 and time.monotonic() < deadline:
            started, busy_s = time.monotonic(), measure.machine_cpu_s()
            time.sleep(0.5)
            used_s = measure.machine_cpu_s() - busy_s
            if used_s / (time.monotonic() - started) / (os.cpu_count() or 1) <= self.max_others:
                return


def rounds(
    contestants: Sequence[Contestant],
    runs: int,
    one: Callable[[Contestant], Run],
    patience: Patience = Patience(),
) -> list[Series]:
    """Run every contestant once per round, so that a slow minute hits all of them.

    A run during which the rest of the machine was too busy is thrown away and repeated,
    whatever it showed; of the last attempts the most quiet one counts.
    """
    series = [Series(c.name, c.complete) for c in contestants]
    for number in range(runs):
        for contestant, record in zip(contestants, series, strict=True):
            attempts: list[Run] = []
            for _ in range(patience.attempts):
                patience.wait_for_quiet()
                run = one(contestant)
                attempts.append(run)
                print(f"   round {number + 1}: {contestant.name}: {describe(run)}", flush=True)
                if run.others_share <= patience.max_others:
                    break
            record.runs.append(min(attempts, key=lambda run: run.others_share))
    return series


def describe(run: Run) -> str:
    """Return one line about a run."""
    return (
        f"{run.usage.wall_s:.2f} s, CPU {run.usage.cpu_s:.2f} s, {run.usage.pss_mb:.0f} MB, "
        f"{run.traffic.requests} requests, {run.verdict}; "
        f"server CPU {run.server_cpu_s:.2f} s, others {run.others_share:.0%}"
    )


def clear(path: Path) -> None:
    """Remove a directory tree, if it is there."""
    shutil.rmtree(path, ignore_errors=True)
