"""A generated index whose projects depend on each other: genuine small wheels with metadata."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks import corpus, generate, pages
from benchmarks.corpus import FileRecord, Project, Release
from tests.support.packages import BuiltFile, build_wheel

VERSIONS = ("1.0.0", "1.1.0", "2.0.0", "2.1.0", "3.0.0", "3.1.0")
ENVIRONMENTS = {
    "linux310": "cp310-manylinux_2_28_x86_64",
    "linux312": "cp312-manylinux_2_28_x86_64",
    "windows311": "cp311-win_amd64",
    "macos313": "cp313-macosx_14_0_arm64",
}
_NATIVE = (
    ("cp310", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
    ("cp312", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
    ("cp311", "win_amd64"),
    ("cp313", "macosx_11_0_arm64"),
)
_POPULAR = 150
_NEIGHBOURS = 400
_SHARE_NATIVE = 0.15
_GENERATION = 2


def names(projects: int) -> list[str]:
    """Return the names of the projects; the first ones are nobody's dependency."""
    return corpus.make_names(projects, "closure")[:projects]


def ensure_closure_tree(directory: Path, projects: int) -> None:
    """Generate the tree into `directory`, unless it is there already."""
    manifest = directory / "manifest.json"
    wanted = json.dumps({"projects": projects, "generation": _GENERATION})
    if manifest.exists() and manifest.read_text() == wanted:
        return
    shutil.rmtree(directory, ignore_errors=True)
    known = names(projects)
    make = partial(_project, known=known, directory=directory)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        made = list(pool.map(make, range(projects), chunksize=20))
    generate.write_root(directory / "before", made)
    manifest.write_text(wanted)


def _project(position: int, known: Sequence[str], directory: Path) -> Project:
    name = known[position]
    rng = random.Random(f"closure:{name}")
    project = Project(name, 20_000_000 + position, description=pages.make_text(name, 8_500))
    needed = _needed(position, len(known), rng)
    native = rng.random() < _SHARE_NATIVE
    releases = []
    for age, version in enumerate(VERSIONS):
        requirements = [_requirement(known[other], rng) for other in needed]
        extra = {"fast": [_requirement(known[other], rng) for other in needed[:1]]}
        files = [
            build_wheel(
                name,
                version,
                python_tag=python,
                abi_tag="none" if python == "py3" else python,
                platform_tag=platform,
                requires_dist=requirements,
                requires_python=">=3.8",
                extras=extra,
                payload_size=1_000,
            )
            for python, platform in (_NATIVE if native else (("py3", "any"),))
        ]
        records = tuple(_write(file, directory / "packages") for file in files)
        releases.append(Release(version, corpus.upload_time(age, position), records))
    finished = Project(
        name, project.serial, tuple(releases), f"{name}, generated", project.description
    )
    generate.write_pages(directory / "before", finished)
    return finished


def _needed(position: int, count: int, rng: random.Random) -> list[int]:
    """Choose whom a project depends on: always later ones, so there is no cycle."""
    found: dict[int, None] = {}
    for _ in range(rng.choice((0, 1, 2, 2, 3, 4))):
        popular = rng.random() < 0.5
        first = max(position + 1, count - _POPULAR if popular else position + 1)
        last = count if popular else min(count, position + _NEIGHBOURS)
        if first < last:
            found[rng.randrange(first, last)] = None
    return list(found)


def _requirement(name: str, rng: random.Random) -> str:
    kind = rng.random()
    specifier = ">=1.1"
    if kind < 0.25:
        specifier = ""
    elif kind < 0.40:
        specifier = ">=2,!=2.1.0"
    elif kind < 0.43:
        specifier = "<3"
    elif kind < 0.46:
        specifier = ">=3"
    extra = "[fast]" if rng.random() < 0.05 else ""
    place = rng.random()
    marker = ""
    if place < 0.10:
        marker = '; sys_platform == "win32"'
    elif place < 0.15:
        marker = '; python_version < "3.12"'
    return f"{name}{extra}{specifier}{marker}"


def _write(file: BuiltFile, directory: Path) -> FileRecord:
    record = FileRecord(
        filename=file.filename,
        package_type="bdist_wheel",
        python_version=file.python_version,
        size=file.size,
        md5=file.md5,
        sha256=file.sha256,
        blake2b=hashlib.blake2b(file.content, digest_size=32).hexdigest(),
        metadata_sha256=file.metadata_sha256,
        real=True,
    )
    path = directory / record.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.content)
    path.with_name(f"{path.name}.metadata").write_bytes(file.metadata or b"")
    return record
