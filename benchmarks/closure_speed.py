"""How long a closure takes: 2,000 generated projects, 200 goals, four environments, 50 ms latency.

    python -m benchmarks closure-speed

nginx sleeps before each answer. Prints requests (each document and each metadata file may be
asked for once), wall time against the bound, and the solver's time beside `uv pip compile`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import measure, product
from benchmarks.arena import Patience
from benchmarks.closure_tree import ENVIRONMENTS, ensure_closure_tree, names
from benchmarks.webserver import LATENCY_S, LOG_FLUSH_S, Server

_UV_TARGETS = {
    "linux310": ("3.10", "x86_64-manylinux_2_28"),
    "linux312": ("3.12", "x86_64-manylinux_2_28"),
    "windows311": ("3.11", "x86_64-pc-windows-msvc"),
    "macos313": ("3.13", "aarch64-apple-darwin"),
}


@dataclass(frozen=True)
class Asked:
    """What the server was asked for, by kind: requests, and how many came more than once."""

    documents: int
    metadata: int
    files: int
    others: int
    repeated: int

    @property
    def total(self) -> int:
        """All requests."""
        return self.documents + self.metadata + self.files + self.others


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--work-dir", type=Path, default=Path("/dev/shm/microrepo-benchmarks"))
    parser.add_argument("--projects", type=int, default=2000)
    parser.add_argument("--goals", type=int, default=200)
    parser.add_argument("--connections", type=int, nargs="+", default=[20, 50])
    parser.add_argument("--api", choices=("json", "simple"), default="json")
    parser.add_argument("--no-uv", action="store_true")
    given = parser.parse_args(words)
    work: Path = given.work_dir.resolve()
    ensure_closure_tree(work / "tree", given.projects)
    product.compile_all()
    goals = names(given.projects)[: given.goals]
    with closing(
        Server(work / "tree", work / "nginx", work / "pages", ["latency"], 8890)
    ) as server:
        server.serve("before")
        print(_HEAD)
        for connections in given.connections:
            shutil.rmtree(work / "repository", ignore_errors=True)
            for run in ("first", "again"):
                _measure(server, work, goals, connections, run, given.api)
        if not given.no_uv:
            _beside_uv(server, work, goals)
    return 0


_HEAD = (
    "| connections | run | wall | bound | requests | documents / metadata / files | repeated | "
    "rounds | solver CPU | all CPU | others' share of the machine | goals not met |\n|"
    + " --- |"
    * 12
)


def _measure(
    server: Server, work: Path, goals: list[str], connections: int, run: str, api: str
) -> None:
    server.mark()
    log_start = (work / "nginx" / "access.log").stat().st_size
    config = _config(server.endpoints["latency"].url, work, goals, connections, api)
    command = product.command("refresh", "--config", str(config), "--json", "--no-progress")
    Patience(max_others=0.3).wait_for_quiet()
    busy_s, server_s = measure.machine_cpu_s(), server.cpu_s()
    usage = measure.run(command, work / "report.json", product.environment())
    busy_s, server_s = measure.machine_cpu_s() - busy_s, server.cpu_s() - server_s
    others_s = max(0.0, busy_s - server_s - usage.cpu_s)
    others = others_s / (usage.wall_s * (os.cpu_count() or 1))
    report = _report(work / "report.json")
    asked = _asked(work / "nginx" / "access.log", log_start)
    waits_s = asked.total * LATENCY_S / connections
    bound_s = 1.5 * waits_s + report["rounds"] * LATENCY_S + report["solver_s"]
    print(
        f"| {connections} | {run} | {usage.wall_s:.2f} s | {bound_s:.2f} s = 1.5 x {waits_s:.2f} "
        f"+ {report['rounds'] * LATENCY_S:.2f} + {report['solver_s']:.2f} | {asked.total} | "
        f"{asked.documents} / {asked.metadata} / {asked.files} | {asked.repeated} | "
        f"{report['rounds']} | {report['solver_s']:.2f} s | {usage.cpu_s:.2f} s | "
        f"{others:.0%} | {len(report['failed'])} |",
        flush=True,
    )


def _config(url: str, work: Path, goals: list[str], connections: int, api: str) -> Path:
    config = {
        "repository": str(work / "repository"),
        "source": url,
        "api": api,
        "packages": goals,
        "environments": ENVIRONMENTS,
        "connections": connections,
        "processes": 2,
        "min_free_space": 0,
        "server": False,
    }
    path = work / "microrepo.json"
    path.write_text(json.dumps(config))
    return path


def _report(path: Path) -> dict[str, Any]:
    text = path.read_text()
    return dict(json.loads(text[text.index("{\n") :]))


def _asked(log: Path, start: int) -> Asked:
    time.sleep(LOG_FLUSH_S)
    with log.open("rb") as stream:
        stream.seek(start)
        paths = [line.split(" ", 4)[4] for line in stream.read().decode().splitlines()]
    counts = Counter(paths)
    kinds = Counter(map(_kind, paths))
    return Asked(
        documents=kinds["document"],
        metadata=kinds["metadata"],
        files=kinds["file"],
        others=kinds["other"],
        repeated=sum(count - 1 for count in counts.values()),
    )


def _kind(path: str) -> str:
    if path.startswith("/packages/"):
        return "metadata" if path.endswith(".metadata") else "file"
    return "document" if path.startswith(("/pypi/", "/simple/")) else "other"


def _beside_uv(server: Server, work: Path, goals: list[str]) -> None:
    """Time `uv pip compile` of each goal for each environment, its cache being warm."""
    url = f"{server.endpoints['plain'].url}/simple/"
    cache = work / "uv-cache"
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    for run in ("cold", "warm"):
        used_s = wall_s = 0.0
        failed = 0
        for python, platform in _UV_TARGETS.values():
            for goal in goals:
                command = [
                    uv, "pip", "compile", "--no-config", "--quiet", "--only-binary", ":all:",
                    "--python", sys.executable,
                    "--python-version", python, "--python-platform", platform,
                    "--default-index", url, "--cache-dir", str(cache),
                    *(["--offline"] if run == "warm" else []), "-",
                ]  # fmt: skip
                started, before = time.monotonic(), _children_cpu_s()
                done = subprocess.run(command, input=goal, capture_output=True, text=True)
                wall_s += time.monotonic() - started
                used_s += _children_cpu_s() - before
                failed += done.returncode != 0
        count = len(goals) * len(_UV_TARGETS)
        print(
            f"uv pip compile, {run} cache: {count} runs, {wall_s:.1f} s, CPU {used_s:.1f} s, "
            f"{1000 * wall_s / count:.1f} ms each; {failed} without a solution",
            flush=True,
        )


def _children_cpu_s() -> float:
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
