"""A Simple root of 750,000 projects, of which a few dozen really exist behind it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from benchmarks import corpus, generate, pages
from benchmarks.corpus import Shape

PROJECTS = 750_000
SHAPE = Shape(projects=41, projects_without_files=1, new_releases=20, yanks=0, deletions=0,
              share_title_case=0, max_bytes=100_000, seed="big")  # fmt: skip
FIRST_SERIAL = 1_000_000


def ensure_big_tree(directory: Path) -> None:
    """Generate the tree: versions `before` and `after` (small root), `big-before`, `big-after`.

    The `big-` versions have the same pages with the other projects added to the root.
    """
    generate.ensure_tree(directory, SHAPE)
    extra = filler()
    for version in generate.VERSIONS:
        target = directory / f"big-{version}"
        if not (target / "facts.json").exists():
            _write_big_version(directory / version, target, extra)
    answers_path = directory / "answers.json"
    known: dict[str, Any] = json.loads(answers_path.read_bytes())
    known |= {f"big-{version}": known[version] for version in generate.VERSIONS}
    answers_path.write_text(json.dumps(known))


def filler() -> list[tuple[str, int]]:
    """Return (name, serial) of the projects that only the root knows."""
    names = corpus.make_names(PROJECTS, "filler")
    return [(f"{name}-x", FIRST_SERIAL + i) for i, name in enumerate(names[: PROJECTS - 41])]


def _write_big_version(source: Path, target: Path, extra: list[tuple[str, int]]) -> None:
    facts = json.loads((source / "facts.json").read_bytes())
    for path in source.rglob("*"):
        copy = target / path.relative_to(source)
        if path.is_dir():
            copy.mkdir(parents=True, exist_ok=True)
        elif path.parent != source and path.parent.name != "simple":
            copy.unlink(missing_ok=True)
            copy.hardlink_to(path)
    names = sorted([*facts["serials"].items(), *extra])
    last_serial = facts["last_serial"]
    bodies = {
        "index.v1_json": pages.render_root_json(names, last_serial),
        "index.html": pages.render_root_html([(n, n) for n, _ in names], last_serial),
    }
    for name, body in bodies.items():
        (target / "simple" / name).write_bytes(body)
        (target / "simple" / f"{name}.gz").write_bytes(gzip.compress(body, 6, mtime=0))
    (target / "facts.json").write_text(json.dumps(facts))
