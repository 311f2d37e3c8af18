"""The scenario `gap`: export, import and snapshots beside `tar | sha256sum`, `cp` and `cp -al`."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks import product
from benchmarks.bench import Bench
from benchmarks.copying import Timed, timed
from benchmarks.report import Result, Target
from tests.support.packages import BuiltFile, build_wheel

FILES, FILE_BYTES = 2_000, 5_000_000
LINKS = 100_000
_CHANGED = FILES // 100


def gap(bench: Bench) -> Result:
    """Carry 10 GB and then 1 % of changes across a gap; take a snapshot of 100,000 files."""
    result = Result("Across an air gap: 10 GB, then 1 % of changes; a snapshot of 100,000 files")
    product.compile_all()
    tree = _tree(bench.work_dir / "trees" / "gap")
    with tempfile.TemporaryDirectory(prefix="gap-", dir=bench.work_dir) as scratch:
        place = Path(scratch)
        _carry(bench, result, tree, place)
        _snapshot(bench, result, place)
    return result


def _carry(bench: Bench, result: Result, tree: Path, place: Path) -> None:
    exports, imports = [], []
    outside = place / "outside"
    _run(["cp", "-al", tree, outside], place)
    _run(_ours("index", "--repository", outside), place)
    for _ in range(bench.runs):
        for name in ("bundle", "inside", "floor", "copied"):
            shutil.rmtree(place / name, ignore_errors=True)
        (place / "floor").mkdir()
        bench.patience.wait_for_quiet()
        pipe = f"tar -C {outside} -cf - . | tee {place}/floor/x.tar | sha256sum"
        floor = _run(["bash", "-c", pipe], place)
        shutil.rmtree(place / "floor")
        sent = _run(_ours("export", place / "bundle", "--full", "--repository", outside), place)
        bench.patience.wait_for_quiet()
        copied = _run(["cp", "-r", place / "bundle", place / "copied"], place)
        shutil.rmtree(place / "copied")
        brought = _run(_ours("import", place / "bundle", "--repository", place / "inside"), place)
        exports.append(sent.usage.wall_s / floor.usage.wall_s)
        imports.append(brought.usage.wall_s / copied.usage.wall_s)
        result.notes += [_told("export", sent, floor), _told("import", brought, copied)]
    missing = FILES - len(list((place / "inside").glob("*.whl")))
    result.targets += [
        Target("files missing inside", missing, 0, ""),
        Target("export of 10 GB, over `tar | tee | sha256sum`", median(exports), 1.3),
        Target("import of 10 GB, over `cp -r` of the bundle", median(imports), 1.3),
    ]
    _delta(result, outside, place)


def _delta(result: Result, outside: Path, place: Path) -> None:
    for number in range(_CHANGED):
        _wheel(number, "2").write_to(outside)
    _run(_ours("index", "--repository", outside), place)
    sent = _run(_ours("export", place / "delta", "--repository", outside), place)
    size = sum(path.stat().st_size for path in (place / "delta").iterdir())
    result.targets.append(
        Target("bytes of a bundle after 1 % of changes, over these", size / (_CHANGED * FILE_BYTES),
               1.2)
    )  # fmt: skip
    result.notes.append(f"1 % of changes: {sent.usage.wall_s:.1f} s, {size / 1e6:.0f} MB")


def _snapshot(bench: Bench, result: Result, place: Path) -> None:
    source = place / "links"
    source.mkdir()
    for number in range(LINKS):
        project, release = divmod(number, 10)
        (source / f"project{project}-1.{release}.tar.gz").write_bytes(b"x%d" % number)
    _run(_ours("index", "--repository", source), place)
    ratios = []
    for number in range(bench.runs):
        shutil.rmtree(place / "by-cp", ignore_errors=True)
        bench.patience.wait_for_quiet()
        floor = _run(["cp", "-al", source, place / "by-cp"], place)
        taken = _run(_ours("snapshot", "create", f"n{number}", "--repository", source), place)
        ratios.append(taken.usage.wall_s / floor.usage.wall_s)
        result.notes.append(_told("snapshot", taken, floor))
        _run(_ours("snapshot", "delete", f"n{number}", "--repository", source), place)
    result.targets.append(Target("snapshot of 100,000 files, over `cp -al`", median(ratios), 1.2))


def _told(what: str, ours: Timed, floor: Timed) -> str:
    return (
        f"{what}: {ours.usage.wall_s:.1f} s, floor {floor.usage.wall_s:.1f} s; CPU "
        f"{ours.usage.cpu_s:.1f} s and {floor.usage.cpu_s:.1f} s, others had {ours.others():.0%}"
    )


def _ours(*words: str | Path) -> list[str | Path]:
    return [*product.command(*map(str, words)), "--quiet"]


def _run(command: Sequence[str | Path], place: Path) -> Timed:
    return timed(command, place)


def _wheel(number: int, version: str) -> BuiltFile:
    content = {f"big{number}/data.bin": os.urandom(FILE_BYTES)}
    return build_wheel(f"big{number}", version, files=content)


def _tree(directory: Path) -> Path:
    """Return a directory of large wheels, made when it is not there."""
    if not directory.exists():
        unfinished = directory.with_suffix(".part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for number in range(FILES):
            _wheel(number, "1").write_to(unfinished)
        unfinished.rename(directory)
    return directory
