"""`python -m benchmarks SCENARIO`: run, verify, print a Markdown table."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks import again, copying, gap, gates, report, scale, scenarios
from benchmarks.arena import Patience
from benchmarks.bench import PEERS, Bench
from benchmarks.report import Result

SCENARIOS: dict[str, Callable[[Bench], Result]] = {
    "first-sync": scenarios.first_sync,
    "no-op": again.no_op,
    "refresh": again.refresh,
    "large-files": scenarios.large_files,
    "verify": scenarios.verify,
    "index-750k": again.index_750k,
    "memory": scenarios.memory,
    "copy": copying.copy,
    "gap": gap.gap,
    "gates": gates.gates,
    "scale": scale.scale,
}

# Programs with options of their own: `python -m benchmarks PROGRAM --help`.
PROGRAMS = {
    "serving": "benchmarks.serving",
    "installing": "benchmarks.installing",
    "tree": "benchmarks.tree",
    "closures": "benchmarks.closures",
    "closure-speed": "benchmarks.closure_speed",
    "closure-compare": "benchmarks.closure_compare",
}


def main(arguments: list[str] | None = None) -> int:
    """Run the scenarios asked for; 0 when they ran, whatever the figures are."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in PROGRAMS:
        return int(importlib.import_module(PROGRAMS[words[0]]).main(words[1:]))
    options = _parser().parse_args(words)
    # So that the server and the output directories go, as they do on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    peers = [] if options.peers == ["none"] else options.peers
    patience = Patience(options.max_others / 100)
    bench = Bench(options.work_dir.resolve(), options.runs, peers, options.first_port, patience)
    if options.scenario == "generate":
        for kind in ("main", "large", "big"):
            print(bench.tree(kind))
        return 0
    for result in _chosen(bench, options):
        _publish(bench, result)
    facts = report.versions(bench.versions)
    print("Versions: " + "; ".join(f"{name} {text}" for name, text in facts.items()))
    for note in bench.notes:
        print(f"- {note}")
    return 0


def _chosen(bench: Bench, options: argparse.Namespace) -> Iterator[Result]:
    if options.scenario == "all":
        yield from _all(bench, options.disk)
    elif options.scenario == "first-sync":
        yield scenarios.first_sync(bench, options.mode, options.disk)
    elif options.scenario == "scale":
        yield scale.scale(bench, options.sizes)
    else:
        yield SCENARIOS[options.scenario](bench)


def _all(bench: Bench, disk: Path | None) -> Iterator[Result]:
    for run in SCENARIOS.values():
        yield run(bench)
    once = replace(bench, runs=1)
    yield scenarios.first_sync(once, "tls")
    yield scenarios.first_sync(once, "http2")
    yield scenarios.first_sync(once, "latency")
    if disk:
        yield scenarios.first_sync(bench, "plain", disk)


def _publish(bench: Bench, result: Result) -> None:
    print(f"\n{report.render(result)}", flush=True)
    slug = "".join(c if c.isalnum() else "-" for c in result.title.lower())
    path = bench.work_dir / "results" / f"{slug}.json"
    report.save(result, path, report.versions(bench.versions))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=f"Programs with options of their own: {', '.join(PROGRAMS)}.",
    )
    parser.add_argument("scenario", choices=["all", "generate", *SCENARIOS])
    parser.add_argument("--runs", type=int, default=3, help="rounds; medians are shown")
    parser.add_argument(
        "--work-dir",
        type=Path,
        default=Path("/dev/shm/microrepo-benchmarks"),
        help="trees, venvs, output and results; 8 GB free, on tmpfs (default: %(default)s)",
    )
    parser.add_argument(
        "--disk", type=Path, help="first-sync, all: write the output below this directory"
    )
    modes = (("tls", "over TLS"), ("http2", "over HTTP/2"), ("latency", "+50 ms a request"))
    for mode, text in modes:
        parser.add_argument(
            f"--{mode}",
            dest="mode",
            action="store_const",
            const=mode,
            default="plain",
            help=f"first-sync {text}",
        )
    parser.add_argument(
        "--peers", nargs="+", default=list(PEERS), choices=[*PEERS, "none"], metavar="PEER"
    )
    parser.add_argument(
        "--max-others",
        type=float,
        default=100,
        metavar="PERCENT",
        help="wait for a quiet machine; repeat a run when other programs used more of it",
    )
    parser.add_argument(
        "--sizes",
        type=scale.index_size,
        nargs="+",
        default=scale.SIZES,
        metavar="N",
        help=f"scale: projects of the index, more than {scale.WITH_FILES} (default: three sizes)",
    )
    parser.add_argument("--first-port", type=int, default=8790, help="first of six ports")
    return parser


if __name__ == "__main__":
    sys.exit(main())
