"""The scenario `copy`: uploads to pypiserver and across a slow line, a second copy, hard links.

What is measured is said in each target. Our time at pypiserver is compared with what that server
itself spends, since it is the bottleneck there; twine and `cp -al` take turns with us.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.error import URLError

from benchmarks import measure, product
from benchmarks.bench import Bench
from benchmarks.measure import Usage
from benchmarks.peers import ensure_venv, find_python, version_of, without_pip
from benchmarks.report import Result, Target
from tests.support.packages import build_wheel
from tests.support.receiver import Receiver

UPLOADS, LINKS = 2_000, 100_000
LATENCY_S = 0.05
_RELEASES = 5


def copy(bench: Bench) -> Result:
    """Copy small files in each of the ways that differ in what they cost."""
    result = Result("Copy: 2,000 uploads, 100,000 links")
    programs = ensure_venv(bench.work_dir / "venvs", "uploading", ["pypiserver", "twine"],
                           find_python())  # fmt: skip
    for package in ("pypiserver", "twine"):
        bench.versions[package] = version_of(programs, package)
    product.compile_all()
    wheels = _wheels(bench.work_dir / "trees" / "uploads")
    with tempfile.TemporaryDirectory(prefix="copy-", dir=bench.work_dir) as scratch:
        place = Path(scratch)
        _to_pypiserver(bench, result, wheels, place, programs)
        _across_a_slow_line(bench, result, wheels, place, programs)
        _between_directories(bench, result, place)
    return result


def _to_pypiserver(bench: Bench, result: Result, wheels: Path, place: Path, programs: Path) -> None:
    ratios = []
    for _ in range(bench.runs):
        bench.patience.wait_for_quiet()
        served = _empty(place / "served")
        with _pypiserver(programs, served) as server:
            before_s = measure.cpu_s(server.pid)
            once = timed([*_copy(wheels, server.url)], place)
            server_s = measure.cpu_s(server.pid) - before_s
        faults = len(list(served.iterdir())) - UPLOADS
        result.targets.append(Target("files missing at pypiserver", -faults, 0, ""))
        ratios.append(once.usage.wall_s / server_s)
        result.notes.append(
            f"to pypiserver: {once.usage.wall_s:.1f} s, CPU {once.usage.cpu_s:.1f} s, the "
            f"server's CPU {server_s:.1f} s, others had {once.others(server_s):.0%} of the machine"
        )
    text = "2,000 uploads to pypiserver, over the server's own CPU time"
    result.targets.append(Target(text, median(ratios), 1.2))


def _across_a_slow_line(
    bench: Bench, result: Result, wheels: Path, place: Path, programs: Path
) -> None:
    """Time us and twine at a receiver that answers 50 ms late; then copy once more."""
    with Receiver() as receiver:
        receiver.latency_s = LATENCY_S
        bench.patience.wait_for_quiet()
        ours = timed(_copy(wheels, receiver.upload_url), place)
        sent = len(receiver.forms)
        receiver.reads.clear()
        again = timed(_copy(wheels, receiver.upload_url), place)
        uploads, reads = len(receiver.forms) - sent, max(receiver.reads.values())
    with Receiver() as receiver:
        receiver.latency_s = LATENCY_S
        words: list[str | Path] = [programs / "twine", "upload", "--disable-progress-bar"]
        words += ["--repository-url", receiver.upload_url, "--username", "u", "--password", "p"]
        theirs = timed([*words, *sorted(wheels.iterdir())], place, without_pip())
    result.targets += [
        Target("files sent to the slow receiver", sent, UPLOADS, "", at_least=True),
        Target("twine's time over ours, 50 ms per answer",
               theirs.usage.wall_s / ours.usage.wall_s, 3, at_least=True),
        Target("second copy: uploads", uploads, 0, ""),
        Target("second copy: times that the page of a project was read", reads, 1, ""),
    ]  # fmt: skip
    result.notes.append(
        f"slow receiver: {ours.usage.wall_s:.1f} s, twine {theirs.usage.wall_s:.1f} s; CPU "
        f"{ours.usage.cpu_s:.1f} s and {theirs.usage.cpu_s:.1f} s; the second copy "
        f"{again.usage.wall_s:.1f} s"
    )


def _between_directories(bench: Bench, result: Result, place: Path) -> None:
    source = place / "links"
    source.mkdir()
    for number in range(LINKS):
        project, release = divmod(number, 10)
        (source / f"project{project}-1.{release}-py3-none-any.whl").write_bytes(b"x%d" % number)
    walls, cpus = [], []
    for _ in range(bench.runs):
        theirs, ours = place / "by-cp", place / "by-us"
        for directory in (theirs, ours):
            shutil.rmtree(directory, ignore_errors=True)
        bench.patience.wait_for_quiet()
        floor = timed(["cp", "-al", source, theirs], place)
        once = timed(_copy(source, str(ours)), place)
        missing = LINKS - sum(not name.startswith(".") for name in os.listdir(ours))
        result.targets.append(Target("links missing", missing, 0, ""))
        walls.append(once.usage.wall_s / floor.usage.wall_s)
        cpus.append(once.usage.cpu_s / max(floor.usage.cpu_s, 0.01))
        result.notes.append(
            f"links: {once.usage.wall_s:.2f} s, cp {floor.usage.wall_s:.2f} s; CPU "
            f"{once.usage.cpu_s:.2f} s and {floor.usage.cpu_s:.2f} s, others had "
            f"{once.others():.0%} of the machine"
        )
    result.targets.append(Target("100,000 links, over `cp -al`", median(walls), 3))
    result.targets.append(Target("the same in CPU time", median(cpus), 3))


# ---- the parts


@dataclass(frozen=True)
class Timed:
    """One run, and how busy the machine was meanwhile."""

    usage: Usage
    busy_s: float

    def others(self, server_s: float = 0.0) -> float:
        """Return the share of the machine that went to programs outside the benchmark."""
        others_s = max(0.0, self.busy_s - server_s - self.usage.cpu_s)
        return others_s / (self.usage.wall_s * (os.cpu_count() or 1))


def timed(command: Sequence[str | Path], place: Path, env: dict[str, str] | None = None) -> Timed:
    os.sync()
    environment = (env or product.environment()) | {"XDG_CACHE_HOME": str(place / "cache")}
    busy_s = measure.machine_cpu_s()
    usage = measure.run(command, place / "output.log", environment)
    if usage.exit_code:
        raise SystemExit((place / "output.log").read_text()[-2000:])
    return Timed(usage, measure.machine_cpu_s() - busy_s)


def _copy(source: Path, destination: str) -> list[str | Path]:
    words = ["copy", "--source", str(source), "--destination", destination, "--all"]
    return product.command(*words, "--min-free-space", "0", "--no-progress", "--quiet")


def _wheels(directory: Path) -> Path:
    """Return a directory of small wheels, made when it is not there."""
    if not directory.exists():
        unfinished = _empty(directory.with_suffix(".part"))
        for number in range(UPLOADS):
            project, release = divmod(number, _RELEASES)
            build_wheel(f"small-{project}", f"1.{release}", payload_size=3_000).write_to(unfinished)
        unfinished.rename(directory)
    return directory


def _empty(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


@dataclass(frozen=True)
class _Running:
    url: str
    pid: int


@contextmanager
def _pypiserver(programs: Path, served: Path) -> Iterator[_Running]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    command: list[str | Path] = [programs / "pypi-server", "run", "-i", "127.0.0.1"]
    command += ["-p", str(port), "-P", ".", "-a", ".", "--disable-fallback", served]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except (URLError, ConnectionError):
                time.sleep(0.05)
        yield _Running(url, process.pid)
    finally:
        process.terminate()
        process.wait()
