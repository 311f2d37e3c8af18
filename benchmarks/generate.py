"""Generate PyPI-shaped trees: the same seed gives the same bytes.

A tree holds `packages/` (files of both versions), the pages of two versions of the index,
`before/` and `after/` (unchanged pages are hard links), and `answers.json` with the right
answers. Files of old releases are listed in the documents but can't be fetched, except the
releases that become the latest ones when a newer release is yanked.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import multiprocessing
import os
import random
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

from benchmarks import archives, corpus, pages
from benchmarks.corpus import FilePlan, FileRecord, Project, ProjectPlan, Release, Shape

VERSIONS = ("before", "after")
PAGE_TIME = 1_760_000_000
GENERATION = 1  # raise it when the same shape would give other bytes


def ensure_tree(directory: Path, shape: Shape) -> dict[str, object]:
    """Generate the tree into `directory` unless it is there already; return its manifest."""
    manifest_path = directory / "manifest.json"
    wanted = asdict(shape) | {"generation": GENERATION}
    if manifest_path.exists():
        manifest: dict[str, object] = json.loads(manifest_path.read_bytes())
        if manifest["shape"] == wanted:
            return manifest
    shutil.rmtree(directory, ignore_errors=True)
    before, after = build_index(directory, shape)
    manifest = {"shape": wanted} | write_index(directory, before, after)
    manifest_path.write_text(json.dumps(manifest, indent=1))
    return manifest


def build_index(directory: Path, shape: Shape) -> tuple[list[Project], list[Project]]:
    """Write all files below `packages/`; return the projects before and after the mutation."""
    plans = corpus.plan_projects(shape)
    make = partial(build_project, directory=directory / "packages", shape=shape)
    # Spawned, not forked: nothing of the caller's threads or signal state comes along.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        before = list(pool.map(make, plans, chunksize=20))
    last_serial = max(project.serial for project in before)
    after = []
    for plan, project in zip(plans, before, strict=True):
        if plan.role == "delete":
            continue
        last_serial += plan.role in {"release", "yank"}
        after.append(mutate(plan, project, last_serial, directory / "packages", shape))
    return before, after


def build_project(plan: ProjectPlan, directory: Path, shape: Shape) -> Project:
    """Make a project: its latest release for real, older ones only as records."""
    name = plan.display_name
    project = Project(name, plan.serial, summary=pages.make_text(name + "s", 60)[:100])
    project = replace(project, description=pages.make_text(name, shape.description_bytes))
    rng = random.Random(f"{shape.seed}:old:{name}")
    releases = []
    for position, version in enumerate(plan.versions):
        is_latest = position == len(plan.versions) - 1
        becomes_latest = plan.role == "yank" and position == len(plan.versions) - 2
        if is_latest or becomes_latest:
            files = build_files(project, version, plan.latest_files, directory, shape)
        else:
            files = _old_files(project.name, version, rng, shape)
        uploaded = corpus.upload_time(position, plan.serial)
        releases.append(Release(version, uploaded, files))
    return replace(project, releases=tuple(releases))


def _old_files(name: str, version: str, rng: random.Random, shape: Shape) -> tuple[FileRecord, ...]:
    count = (rng.random() < shape.files_per_old_release) + (rng.random() < 0.05)
    return tuple(
        corpus.listed_only(name, version, package_type, rng)
        for package_type in ("sdist", "bdist_wheel")[:count]
    )


def build_files(
    project: Project, version: str, plans: Iterable[FilePlan], directory: Path, shape: Shape
) -> tuple[FileRecord, ...]:
    """Build the distributions of a release and write them (and `.metadata`) to `directory`."""
    records = []
    for plan in plans:
        built = archives.build(project.name, version, project.summary, plan, shape.seed)
        metadata = built.metadata
        record = FileRecord(
            filename=built.filename,
            package_type=plan.package_type,
            python_version=corpus.python_version_of(plan),
            size=len(built.body),
            md5=hashlib.md5(built.body).hexdigest(),
            sha256=hashlib.sha256(built.body).hexdigest(),
            blake2b=hashlib.blake2b(built.body, digest_size=32).hexdigest(),
            metadata_sha256=hashlib.sha256(metadata).hexdigest() if metadata else None,
            real=True,
        )
        _write(directory / record.path, built.body)
        if metadata:
            _write(directory / f"{record.path}.metadata", metadata)
        records.append(record)
    return tuple(records)


def mutate(
    plan: ProjectPlan, project: Project, serial: int, directory: Path, shape: Shape
) -> Project:
    """Return the project as the second version of the index shows it."""
    if plan.role == "yank":
        *older, latest = project.releases
        yanked = replace(latest, yanked=True)
        return replace(project, serial=serial, releases=(*older, yanked))
    if plan.role != "release":
        return project
    major, minor, _ = plan.versions[-1].split(".")
    version = f"{major}.{int(minor) + 1}.0"
    files = build_files(project, version, plan.latest_files, directory, shape)
    uploaded = corpus.upload_time(len(plan.versions), serial)
    releases = (*project.releases, Release(version, uploaded, files))
    return replace(project, serial=serial, releases=releases)


def write_index(directory: Path, before: list[Project], after: list[Project]) -> dict[str, object]:
    """Write the pages of both versions and the right answers; return counts."""
    known = {project.name: project for project in before}
    for version, projects in zip(VERSIONS, (before, after), strict=True):
        root = directory / version
        for project in projects:
            if version == "after" and known[project.name] == project:
                _link_pages(directory / "before", root, project.name)
            else:
                write_pages(root, project)
        write_root(root, projects)
    answers = {
        version: _answers(projects)
        for version, projects in zip(VERSIONS, (before, after), strict=True)
    }
    (directory / "answers.json").write_text(json.dumps(answers))
    return {version: _counts(answers[version]) for version in VERSIONS}


def page_paths(name: str) -> dict[str, Callable[[Project], bytes]]:
    """Return the paths of a project's pages and what renders each."""
    return {
        f"pypi/{name}/json": pages.render_document,
        f"simple/{name}/index.v1_json": pages.render_simple_json,
        f"simple/{name}/index.html": pages.render_simple_html,
    }


def write_pages(root: Path, project: Project) -> None:
    """Write the document and both Simple pages of a project."""
    for path, render in page_paths(project.name).items():
        _write(root / path, render(project), PAGE_TIME + project.serial % 1_000_000)


def _link_pages(source: Path, root: Path, name: str) -> None:
    for path in page_paths(name):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        os.link(source / path, root / path)


def write_root(root: Path, projects: list[Project]) -> None:
    """Write the Simple root (JSON, HTML, and both packed for clients that accept gzip)."""
    last_serial = max(project.serial for project in projects)
    ordered = sorted(projects, key=lambda project: project.name)
    names = [(project.display_name, project.serial) for project in ordered]
    shown = [(project.name, project.display_name) for project in ordered]
    bodies = {
        "simple/index.v1_json": pages.render_root_json(names, last_serial),
        "simple/index.html": pages.render_root_html(shown, last_serial),
    }
    for path, body in bodies.items():
        _write(root / path, body, PAGE_TIME + last_serial % 1_000_000)
        packed = gzip.compress(body, 6, mtime=0)
        _write(root / f"{path}.gz", packed, PAGE_TIME + last_serial % 1_000_000)
    serials = {project.name: project.serial for project in ordered}
    aliases = {p.display_name: p.name for p in ordered if p.display_name != p.name}
    facts = {"last_serial": last_serial, "serials": serials, "aliases": aliases}
    (root / "facts.json").write_text(json.dumps(facts))


def _answers(projects: list[Project]) -> dict[str, object]:
    files = {f.filename: f for project in projects for f in corpus.wanted_files(project)}
    return {
        "projects": len(projects),
        "documents_bytes": sum(len(pages.render_document(project)) for project in projects),
        "listed_files": sum(len(r.files) for project in projects for r in project.releases),
        "files": {
            name: {"sha256": f.sha256, "size": f.size, "path": f.path, "type": f.package_type}
            for name, f in sorted(files.items())
        },
    }


def _counts(answer: dict[str, object]) -> dict[str, object]:
    files = answer["files"]
    assert isinstance(files, dict)
    sizes = sorted(entry["size"] for entry in files.values())
    return {key: value for key, value in answer.items() if key != "files"} | {
        "selected_files": len(sizes),
        "selected_bytes": sum(sizes),
        "median_bytes": sizes[len(sizes) // 2] if sizes else 0,
    }


def _write(path: Path, body: bytes, mtime: int = PAGE_TIME) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    os.utime(path, (mtime, mtime))


def ensure_large_tree(directory: Path, count: int = 12, size: int = 100_000_000) -> None:
    """Generate a tree of `count` projects with one wheel of `size` bytes each."""
    shape = Shape(
        projects=count, old_releases=0, median_bytes=size, sigma=0, min_bytes=size, max_bytes=size,
        share_sdist=0, share_native=0, share_odd_formats=0, share_title_case=0, projects_without_files=0,
        new_releases=0, yanks=0, deletions=0, seed="large",
    )  # fmt: skip
    ensure_tree(directory, shape)
