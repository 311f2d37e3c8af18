"""`python -m benchmarks tree`: what writing the static tree costs, whole and after one change.

The state is made up: no distribution exists, only the rows that a refresh would leave. The floor
is writing the very same bytes to as many files in as many directories, with nothing else done.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path

import msgspec

from microrepo.config.schema import Config
from microrepo.model import Digests, File, Info, NormalizedName, Project
from microrepo.operations.run.network_settings import worker_settings
from microrepo.publish.tree.static_tree import Publisher
from microrepo.repositories.sources.source_registry import describe_source
from microrepo.state import FileRow, ProjectRow, State, open_state, pack
from microrepo.state.tables.found_table import SidecarRow
from microrepo.stores.durability import sync_file_system
from microrepo.stores.flat_directory import FlatDirectory, OnDisk
from microrepo.transfer.pool.worker_pool import WorkerPool

NOW = "2026-11-21T12:00:00.000000Z"
MTIME_NS = 1_700_000_000_000_000_000
FILES_OF_ONE = 5
_BATCH = 300


class MadeUpDirectory(FlatDirectory):
    """A flat directory that claims to hold every sidecar."""

    def stat(self, filename: str) -> OnDisk | None:  # noqa: ARG002
        """Claim that the file is there."""
        return OnDisk(1000, MTIME_NS)


def made_up(number: int) -> tuple[ProjectRow, Project, list[FileRow], list[SidecarRow]]:
    """Return all rows of one project: two releases, three wheels and two sdists."""
    draw = random.Random(number)
    name = NormalizedName(f"project-{number:06d}-{draw.choice(('tools', 'client', 'core'))}")
    module = name.replace("-", "_")
    files, rows, sidecars = [], [], []
    kinds = (("1.0", "whl"), ("1.0", "gz"), ("2.0", "whl"), ("2.0", "abi"), ("2.0", "gz"))
    for version, kind in kinds:
        tag = {"whl": "-py3-none-any.whl", "abi": "-cp312-cp312-manylinux_2_28_x86_64.whl"}
        filename = f"{module}-{version}{tag.get(kind, '.tar.gz')}"
        digest = hashlib.sha256(filename.encode()).hexdigest()
        digests = Digests(sha256=digest, blake2b_256=digest[::-1], md5=digest[:32])
        wheel = kind != "gz"
        files.append(
            File(
                filename=filename,
                url=f"https://files.example/{digest[:2]}/{filename}",
                version=version,
                package_type="bdist_wheel" if wheel else "sdist",
                digests=digests,
                size=draw.randrange(10_000, 1_000_000),
                requires_python=">=3.8",
                upload_time="2025-03-01T12:34:56.789012Z",
                python_version="py3" if wheel else "source",
                core_metadata=wheel,
                core_metadata_sha256=digest if wheel else None,
            )
        )
        file = files[-1]
        rows.append(FileRow(filename, name, version, file.url, file.size, digests, True, MTIME_NS))
        if wheel:
            sidecars.append(SidecarRow(filename, file.size or 0, MTIME_NS, digest[::-1]))
    info = Info(
        version="2.0",
        summary="A project that was made up to measure how fast its pages are written",
        author_email="somebody@people.example",
        license_expression="MIT",
        classifiers=("Programming Language :: Python :: 3", "Development Status :: 4 - Beta"),
        project_urls={"Source": f"https://forge.example/{name}"},
    )
    project = Project(name, name.title(), 1000 + number, files=tuple(files), info=info)
    return ProjectRow(name, name.title(), 1000 + number, complete=True), project, rows, sidecars


def make_state(directory: FlatDirectory, projects: int) -> State:
    """Make the state of a repository of so many projects."""
    directory.prepare()
    state, _ = open_state(directory.state_file)
    for start in range(0, projects, 1000):
        made = [made_up(number) for number in range(start, min(projects, start + 1000))]
        with state.transaction():
            state.save_projects(row for row, *_ in made)
            state.save_documents((project.name, pack(project)) for _, project, *_ in made)
            state.save_files(row for _, _, rows, _ in made for row in rows)
            state.publication.save_sidecars(row for *_, rows in made for row in rows)
    return state


def publish_all(directory: FlatDirectory, state: State) -> float:
    """Publish whatever is pending; return the seconds it took, with those to start workers."""
    started = time.perf_counter()
    with ExitStack() as stack:

        def pool() -> Executor:
            settings = worker_settings(Config(), (describe_source("pypi", "json"),), directory)
            return stack.enter_context(WorkerPool(settings, os.cpu_count() or 1))

        publisher = Publisher(directory, state, pool, now=NOW)
        publisher.publish(_pending(state))
        publisher.finish()
    return time.perf_counter() - started


def _pending(state: State) -> Iterator[list[NormalizedName]]:
    after = ""
    while batch := state.publication.pending(after, _BATCH):
        yield batch
        after = batch[-1]


def files_of(root: Path) -> Iterator[list[tuple[str, bytes]]]:
    """Yield the files of a tree with their content, some thousand at a time, as they lie there."""
    batch: list[tuple[str, bytes]] = []
    for folder, _, names in os.walk(root):
        if Path(folder).name == ".microrepo" or ".microrepo/" in folder:
            continue
        for name in names:
            path = Path(folder, name)
            batch.append((str(path.relative_to(root)), path.read_bytes()))
        if len(batch) >= 5000:
            yield batch
            batch = []
    yield batch


def write_floor(source: Path, target: Path) -> tuple[float, float, int, int]:
    """Write a tree's bytes to as many files; return seconds without and with a sync, and counts."""
    seconds, files, size = 0.0, 0, 0
    known: set[str] = set()
    for batch in files_of(source):
        files += len(batch)
        size += sum(len(content) for _, content in batch)
        started = time.perf_counter()
        for name, content in batch:
            path = f"{target}/{name}"
            folder = os.path.dirname(path)
            if folder not in known:
                os.makedirs(folder, exist_ok=True)
                known.add(folder)
            with open(path, "wb") as stream:
                stream.write(content)
        seconds += time.perf_counter() - started
    started = time.perf_counter()
    sync_file_system(str(target))
    return seconds, seconds + time.perf_counter() - started, files, size


def one_change(directory: FlatDirectory, state: State, projects: int, runs: int) -> list[float]:
    """Change one project, publish, and return the seconds of each of several runs."""
    found = []
    for run in range(runs):
        _, project, rows, _ = made_up(random.Random(run).randrange(projects))
        digest = hashlib.sha256(f"{run} {project.name}".encode()).hexdigest()
        changed = msgspec.structs.replace(rows[1], digests=Digests(sha256=digest))
        with state.transaction():
            state.save_files([changed])
        found.append(publish_all(directory, state))
    return found


def measure(base: Path, projects: int, runs: int, *, floor: bool) -> dict[str, float]:
    """Measure one size; everything is written below `base` and removed again."""
    root = base / f"tree-{projects}"
    shutil.rmtree(root, ignore_errors=True)
    directory = MadeUpDirectory(root / "repository")
    state = make_state(directory, projects)
    sync_file_system(str(root))
    figures = {"projects": float(projects), "whole_s": publish_all(directory, state)}
    figures["unchanged_s"] = publish_all(directory, state)
    changes = one_change(directory, state, projects, runs)
    figures["change_s"] = statistics.median(changes)
    figures["links_mb"] = _size(directory.path / "simple/links.html") / 1e6
    if floor:
        sync_file_system(str(root))
        plain_s, synced_s, files, size = write_floor(directory.path, root / "floor")
        figures.update(plain_s=plain_s, synced_s=synced_s, files=files, mb=size / 1e6)
    state.close()
    shutil.rmtree(root)
    return figures


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def show(figures: dict[str, float]) -> str:
    """Return one row of the table."""
    whole = f"{figures['whole_s']:.1f} s"
    ratios = ["", "", ""]
    if "plain_s" in figures:
        ratios = [
            f"{figures['plain_s']:.1f} s",
            f"{figures['whole_s'] / figures['plain_s']:.2f}",
            f"{figures['whole_s'] / figures['synced_s']:.2f}",
        ]
    cells = [
        f"{figures['projects']:,.0f}",
        f"{figures['projects'] * FILES_OF_ONE:,.0f}",
        whole,
        *ratios,
        f"{figures['change_s'] * 1000:.0f} ms",
        f"{figures['unchanged_s'] * 1000:.0f} ms",
        f"{figures['links_mb']:.0f} MB",
    ]
    return "| " + " | ".join(cells) + " |"


def main(words: Sequence[str] | None = None) -> int:
    """Measure the sizes asked for and print a Markdown table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks tree", description=__doc__)
    parser.add_argument("--projects", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--runs", type=int, default=7, help="single changes; the median is shown")
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp/microrepo-tree"))
    parser.add_argument("--no-floor", action="store_true")
    options = parser.parse_args(words)
    print(
        "| projects | files | whole tree | floor | ratio | ratio, floor synced | one change "
        "| no change | links.html |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    for projects in options.projects:
        figures = measure(options.directory, projects, options.runs, floor=not options.no_floor)
        print(show(figures), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
