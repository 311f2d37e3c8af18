"""Imports that are killed at random instants while a reader looks, and the truth afterwards."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import time
from pathlib import Path
from urllib.parse import unquote

from microrepo.standalone.server.index_pages import parse_project_json, parse_root_json
from microrepo.standalone.server.names import normalize_name
from tests.support.bundles import Outside, Snapshot
from tests.support.importing import Inside, expect_equal, joined
from tests.support.packages import build_sdist, build_wheel

_PROJECTS = ("alpha", "beta", "Gamma.X", "delta", "eps")
_KILLS_PER_BUNDLE = 4

Listing = dict[str, str]


class ImportRounds:
    """An outside that changes at random, and an inside whose imports are killed.

    Args:
        folder: where everything is made.
        programs: each attempt is made by one of them.
        seed: of all that happens.
    """

    def __init__(self, folder: Path, programs: tuple[str, ...], seed: object) -> None:
        self.kills = 0
        self.reads = 0
        self._folder = folder
        self._programs = programs
        self._random = random.Random(f"imports {seed}")
        self._outside = Outside()
        self._inside = Inside(folder / "inside")
        self._number = 0
        self._base: Snapshot | None = None
        self._seconds = 0.3

    def run(self, rounds: int) -> None:
        """Change, export, and import until it succeeds, with kills on the way."""
        for _ in range(rounds):
            self._change()
            before = listing(self._inside.root)
            paths = self._export()
            after = {file.filename: file.sha256 for file in self._outside.files.values()}
            for _ in range(self._random.randint(1, _KILLS_PER_BUNDLE)):
                self._inside.program = self._random.choice(self._programs)
                self._attempt(paths, before, after)
            self._inside.program = self._random.choice(self._programs)
            begun = time.monotonic()
            self._import(paths)
            self._seconds = time.monotonic() - begun
            expect_equal(self._inside, self._outside)
            self._base = self._outside.snapshot()
            shutil.rmtree(paths[0].parent)

    def _change(self) -> None:
        """Add and remove some files; a name never gets another content."""
        for _ in range(self._random.randint(1, 5)):
            self._number += 1
            build = self._random.choice((build_wheel, build_sdist))
            size = self._random.choice((0, 200, 50_000))
            name = self._random.choice(_PROJECTS)
            self._outside.put(build(name, f"{self._number}.0", payload_size=size))
        names = sorted(self._outside.files)
        for name in self._random.sample(names, self._random.randint(0, len(names) // 3)):
            self._outside.remove(name)

    def _export(self) -> list[Path]:
        base = self._base if self._random.random() < 0.8 else None
        split = self._random.choice((0, 0, 20_000))
        folder = self._folder / f"medium-{self._number}"
        paths = self._outside.bundle(base).write(folder, split_bytes=split)
        self._random.shuffle(paths)
        return paths

    def _import(self, paths: list[Path]) -> None:
        if len(paths) == 1 and self._random.random() < 0.3:
            self._inside.ok("-", stdin=joined(paths))
        else:
            self._inside.ok(*paths)

    def _attempt(self, paths: list[Path], before: Listing, after: Listing) -> None:
        """Import in another process, read meanwhile, kill it, and look at what is left."""
        child = os.fork()
        if child == 0:
            try:
                self._inside.run(*paths)
            finally:
                os._exit(0)
        end = time.monotonic() + self._random.uniform(0, 1.3 * self._seconds)
        while time.monotonic() < end:
            self._read(before, after)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        self.kills += 1
        found = listing(self._inside.root)
        assert found in (before, after), "a mixture after a kill"

    def _read(self, before: Listing, after: Listing) -> None:
        """Read each page and its files as clients do, while the import runs."""
        self.reads += 1
        root = self._inside.root
        for name in {*names_in(root)}:
            path = root / "simple" / name / "index.v1_json"
            for _ in range(3):
                try:
                    check_page(path, before, after)
                except FileNotFoundError:
                    continue  # the pages were exchanged meanwhile, and the file was deleted after
                break


def names_in(root: Path) -> list[str]:
    try:
        page = parse_root_json((root / "simple/index.v1_json").read_bytes())
    except FileNotFoundError:
        return []
    return [normalize_name(shown) for shown, _ in page.projects]


def check_page(path: Path, *states: Listing) -> None:
    """Read a page with all its files; it must be that of one of the states."""
    found = page_listing(path)
    project = path.parent.name
    possible = [
        {name: digest for name, digest in state.items() if project_of(name) == project}
        for state in states
    ]
    assert found in possible, f"a mixture on the page of {project}"


def page_listing(path: Path) -> Listing:
    found = {}
    for entry in parse_project_json(path.read_bytes()).files:
        content = (path.parent / unquote(entry.url)).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert digest == entry.hashes["sha256"], entry.filename
        found[entry.filename] = digest
    return found


def project_of(filename: str) -> str:
    return normalize_name(filename.rpartition("-")[0].partition("-")[0])


def listing(root: Path) -> Listing:
    """Return what the pages list, strictly: every link leads to its content."""
    found: Listing = {}
    for name in names_in(root):
        found.update(page_listing(root / "simple" / name / "index.v1_json"))
    return found
