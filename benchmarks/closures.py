"""How long closures of a few goals take, beside `pip download` and `uv pip install`.

    python -m benchmarks closures [--live]

A local index of the wheels that eight goals need, served by nginx, whose answers come at once, then
50 ms late. Each program fills an empty directory with an empty cache; microrepo runs a second time,
with nothing new. `--live` does the same with a few named projects of PyPI.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import measure, product, report
from benchmarks.arena import Patience, Run, Series, clear, tail
from benchmarks.peers import without_pip
from benchmarks.report import Result
from benchmarks.webserver import Server, Traffic, has_latency_module
from benchmarks.wheel_index import GOALS, ensure_wheel_index

LIVE = ("jupyterlab", "pandas", "scikit-learn", "matplotlib")
_NOT_COUNTED = Traffic(0, 0, 0, 0, 0, 0)
_Command = list[str | Path]


@dataclass(frozen=True)
class Index:
    """Where the goals come from.

    Attributes:
        url: root of the index; "" for PyPI.
        server: counts requests; None for PyPI.
    """

    title: str
    url: str
    goals: Sequence[str]
    server: Server | None = None


@dataclass(frozen=True)
class Program:
    """A program and how it fills a directory.

    Attributes:
        command: returns its command line for an index and a directory.
        again: it runs a second time on what its first run left.
    """

    name: str
    command: Callable[[Index, Path], _Command]
    again: bool = False


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--work-dir", type=Path, default=Path("/dev/shm/microrepo-benchmarks"))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--first-port", type=int, default=8890)
    parser.add_argument("--live", action="store_true", help="also named projects of PyPI")
    parser.add_argument("--max-others", type=float, default=100, metavar="PERCENT")
    given = parser.parse_args(words)
    work: Path = given.work_dir.resolve() / "closures"
    patience = Patience(given.max_others / 100)
    product.compile_all()
    with _serving(work, given.first_port) as server:
        for mode in ("plain", "latency"):
            if mode not in server.endpoints:
                print("!! latency: skipped, nginx can't sleep (Debian: libnginx-mod-http-echo)")
                continue
            url = server.endpoints[mode].url
            index = Index(f"{len(GOALS)} goals, {mode}, tmpfs", url, GOALS, server)
            _publish(_measure(index, work, given.runs, patience))
    if given.live:
        _publish(_measure(Index(f"PyPI: {' '.join(LIVE)}", "", LIVE), work, given.runs, patience))
    return 0


@contextmanager
def _serving(work: Path, port: int) -> Iterator[Server]:
    tree = ensure_wheel_index(work / "index")
    modes = ["latency"] if has_latency_module() else []
    arguments = (tree, work / "nginx", work / "pages", modes, port)
    with closing(Server(*arguments)) as server:
        server.serve("before")
        yield server


def _publish(result: Result) -> None:
    print(f"\n{report.render(result)}", flush=True)


def _measure(index: Index, work: Path, runs: int, patience: Patience) -> Result:
    """Run all programs in turns, so that a slow minute hits all of them."""
    programs = _programs()
    result = Result(f"Closure of {index.title}")
    series: dict[str, Series] = {}
    for _ in range(runs):
        for program in programs:
            place = work / "output"
            clear(place)
            place.mkdir(parents=True)
            for name in (program.name, *([f"{program.name}, again"] if program.again else [])):
                patience.wait_for_quiet()
                run = _run(program.command(index, place), index, work)
                series.setdefault(name, Series(name, complete=False)).runs.append(run)
            note = f"{program.name}: {sum(1 for _ in place.rglob('*.whl'))} wheels"
            if note not in result.notes and program.name != "uv pip install":
                result.notes.append(note)
            clear(place)
    result.series = list(series.values())
    result.floor = series["uv pip install"]
    return result


def _run(command: _Command, index: Index, work: Path) -> Run:
    server = index.server
    if server is not None:
        server.mark()
    log = work / "output.log"
    busy_s, server_s = measure.machine_cpu_s(), server.cpu_s() if server else 0.0
    usage = measure.run(command, log, _environment())
    busy_s = measure.machine_cpu_s() - busy_s
    server_s = server.cpu_s() - server_s if server else 0.0
    if usage.exit_code:
        print(f"!! exit {usage.exit_code}: {tail(log)}", flush=True)
    others_s = max(0.0, busy_s - server_s - usage.cpu_s)
    share = others_s / (usage.wall_s * (os.cpu_count() or 1))
    traffic = server.traffic() if server else _NOT_COUNTED
    return Run(usage, traffic, None, not usage.exit_code, server_s, share)


def _programs() -> list[Program]:
    return [
        Program("uv pip install", _by_uv),
        Program("pip download", _by_pip),
        Program("microrepo", _by_microrepo("auto"), again=True),
        Program("microrepo, by requests", _by_microrepo("requests"), again=True),
    ]


def _by_microrepo(transport: str) -> Callable[[Index, Path], _Command]:
    def command(index: Index, place: Path) -> _Command:
        words = ["refresh", "--repository", str(place), "--dependencies", "--transport", transport]
        words += ["--package-types", "bdist_wheel", "--min-free-space", "0", "--no-progress"]
        words += ["--source", f"{index.url}/simple/"] if index.url else []
        return product.command(*words, *index.goals)

    return command


def _by_pip(index: Index, place: Path) -> _Command:
    words: _Command = [sys.executable, "-m", "pip", "--isolated", "download", "--quiet"]
    words += ["--no-cache-dir", "--only-binary", ":all:", "--disable-pip-version-check"]
    words += ["--index-url", f"{index.url}/simple/"] if index.url else []
    return [*words, "--dest", place, *index.goals]


def _by_uv(index: Index, place: Path) -> _Command:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    words: _Command = [uv, "pip", "install", "--no-config", "--quiet", "--only-binary", ":all:"]
    words += ["--python", sys.executable, "--cache-dir", place / "cache"]
    words += ["--default-index", f"{index.url}/simple/"] if index.url else []
    return [*words, "--target", place / "installed", *index.goals]


def _environment() -> dict[str, str]:
    """Return our environment without settings of pip and uv."""
    kept = {key: value for key, value in product.environment().items() if key in without_pip()}
    kept = {key: value for key, value in kept.items() if not key.startswith("UV_")}
    return kept | {"PIP_CONFIG_FILE": os.devnull}


if __name__ == "__main__":
    sys.exit(main())
