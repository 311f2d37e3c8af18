"""Compare closures on one index: microrepo, `uv pip compile`, real pip and Morgan.

    python -m benchmarks closure-compare [--morgan PROGRAM]

The index is fetched once into DIR (about 50 well-known projects, by name); afterwards everything
happens on loopback. Prints Markdown.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.closure_corpus import GOALS, TARGETS, Target, ensure_index
from benchmarks.closure_programs import (
    Answer,
    chosen_by_microrepo,
    chosen_by_pip,
    chosen_by_uv,
    installed_by_pip,
    release_of,
    run_microrepo,
    run_morgan,
    serving,
)
from tests.support.interpreters import python_interpreters

Pair = tuple[str, Target]
PAIRS: list[Pair] = list(product(GOALS, TARGETS))


def main(words: Sequence[str] | None = None) -> int:
    """Run everything and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--work-dir", type=Path, default=Path("/dev/shm/microrepo-benchmarks"))
    parser.add_argument("--morgan", type=Path, help="its program, in an environment of its own")
    given = parser.parse_args(words)
    work: Path = given.work_dir.resolve()
    index = ensure_index(work / "index")
    for name in ("repository", "morgan-index"):
        shutil.rmtree(work / name, ignore_errors=True)
    with serving(index) as url:
        report = run_microrepo(work / "repository", url)
        ours = chosen_by_microrepo(work / "repository")
        theirs = _each(lambda goal, target: chosen_by_uv(goal, target, url, work / "uv-cache"))
        told = run_morgan(given.morgan, work / "morgan-index", url) if given.morgan else ""
        (work / "morgan.log").write_text(told)
    _print_head(index, report, given.morgan)
    _print_uv(ours, theirs)
    _print_pip(work, ours)
    _print_installs(work, ours)
    if given.morgan:
        _print_morgan(work, ours, told)
    return 0


def _each(ask: Callable[[str, Target], Answer]) -> dict[Pair, Answer]:
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(PAIRS, pool.map(lambda pair: ask(*pair), PAIRS), strict=True))


def _print_head(index: Path, report: dict[str, Any], morgan: Path | None) -> None:
    wheels = list(index.glob("*.whl"))
    projects = {release_of(path.name)[0] for path in wheels}
    size = sum(path.stat().st_size for path in wheels)
    today = datetime.now(timezone.utc).date()
    print(f"{today}: pip {version('pip')}, uv {version('uv')}{_morgan_version(morgan)}")
    print(f"index: {len(projects)} projects, {len(wheels)} wheels, {size / 1e6:.0f} MB")
    print(
        f"microrepo: exit {report['exit_code']}, {report['downloaded']} files, "
        f"{report['downloaded_bytes'] / 1e6:.1f} MB, {report['seconds']} s; "
        f"closed: {report['check']['closed']}; failed: {json.dumps(report['failed'])}"
    )


def _morgan_version(program: Path | None) -> str:
    if program is None:
        return ""
    done = subprocess.run([program, "version"], capture_output=True, text=True)
    return f", {done.stdout.strip()}"


def _print_uv(ours: dict[tuple[str, str], Answer], theirs: dict[Pair, Answer]) -> None:
    rows = []
    for goal in GOALS:
        cells = []
        for target in TARGETS:
            mine = ours.get((goal, target.name), Answer({}, "no solution"))
            cells.append(_difference(mine, theirs[goal, target]))
        rows.append([f"`{', '.join(GOALS[goal])}`", *cells])
    _table("Versions chosen, microrepo against uv", rows)


def _difference(mine: Answer, other: Answer) -> str:
    if mine.error or other.error:
        return f"{mine.error or 'solved'} / {other.error or 'solved'}"
    if mine.versions == other.versions:
        return f"same {len(mine.versions)}"
    names = sorted(mine.versions.keys() | other.versions.keys())
    return "; ".join(
        f"{name} {mine.versions.get(name, '-')} / {other.versions.get(name, '-')}"
        for name in names
        if mine.versions.get(name) != other.versions.get(name)
    )


def _print_pip(work: Path, ours: dict[tuple[str, str], Answer]) -> None:
    links = ["--no-index", "--find-links", str(work / "repository")]
    for honest, title in ((True, "told the target's markers"), (False, "with its own markers")):
        found = _each(partial(chosen_by_pip, links=links, honest=honest))
        rows = [
            [f"`{', '.join(GOALS[goal])}`"]
            + [
                _difference(ours.get((goal, t.name), Answer({}, "no solution")), found[goal, t])
                for t in TARGETS
            ]
            for goal in GOALS
        ]
        _table(f"pip --dry-run from microrepo's directory, {title}", rows)


def _print_installs(work: Path, ours: dict[tuple[str, str], Answer]) -> None:
    pythons = python_interpreters()
    rows = []
    for target in (t for t in TARGETS if t.is_linux):
        major, minor = map(int, target.python.split("."))
        python = pythons.get((major, minor))
        if python is None:
            continue
        good, wrong = 0, []
        for goal in GOALS:
            place = work / "venv"
            found = installed_by_pip(goal, python, work / "repository", place)
            mine = ours.get((goal, target.name), Answer({}, "no solution"))
            same = mine.versions == found.versions and not found.error
            good += same
            wrong += [] if same else [f"{goal}: {_difference(mine, found)}"]
        rows.append([target.name, f"{good} of {len(GOALS)}", "; ".join(wrong) or "-"])
    _table("Installed for real, each goal into a fresh environment", rows,
           ["target", "as chosen", "others"])  # fmt: skip


def _print_morgan(work: Path, ours: dict[tuple[str, str], Answer], told: str) -> None:
    files = [p for p in (work / "morgan-index").rglob("*") if p.suffix in {".whl", ".gz", ".zip"}]
    size = sum(path.stat().st_size for path in files)
    mine = {path.name for path in (work / "repository").iterdir() if path.suffix == ".whl"}
    theirs = {path.name for path in files}
    print(f"\nMorgan: {told.splitlines()[0]}, {len(files)} files, {size / 1e6:.1f} MB")
    print(f"only microrepo: {', '.join(sorted(mine - theirs)) or '-'}")
    print(f"only Morgan: {', '.join(sorted(theirs - mine)) or '-'}")
    with serving_morgan(work) as url:
        links = ["--index-url", url]
        found = _each(partial(chosen_by_pip, links=links, honest=True))
    rows = [
        [f"`{', '.join(GOALS[goal])}`"]
        + [
            _difference(ours.get((goal, t.name), Answer({}, "no solution")), found[goal, t])
            for t in TARGETS
        ]
        for goal in GOALS
    ]
    _table("pip --dry-run from Morgan's directory (microrepo's choice / pip's)", rows)


def serving_morgan(work: Path) -> Any:
    """Serve what Morgan fetched by our own server, as one flat directory."""
    flat = work / "morgan-flat"
    shutil.rmtree(flat, ignore_errors=True)
    flat.mkdir()
    for path in (work / "morgan-index").rglob("*"):
        if path.suffix in {".whl", ".gz", ".zip"}:
            (flat / path.name).hardlink_to(path)
    return serving(flat)


def _table(title: str, rows: list[list[str]], head: list[str] | None = None) -> None:
    head = head or ["goal", *(target.name for target in TARGETS)]
    print(f"\n### {title}\n\n| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
