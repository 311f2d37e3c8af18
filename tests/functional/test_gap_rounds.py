"""Months across an air gap: random changes, lost and repeated bundles; inside ends as outside."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.packages import build_wheel
from tests.support.repository import Repository

Contents = dict[str, bytes]


class Outside:
    """A repository whose files change at random."""

    def __init__(self, repo: Repository, chance: random.Random) -> None:
        self._repo = repo
        self._chance = chance
        self._version = 0

    @property
    def path(self) -> Path:
        return self._repo.path

    def change(self) -> None:
        self.path.mkdir(exist_ok=True)
        wheels = sorted(self.path.glob("*.whl"))
        for wheel in self._chance.sample(wheels, min(len(wheels) // 3, 4)):
            self._repo.run("delete", wheel.name, "--repository", self.path, "--quiet", expect=None)
            wheel.unlink(missing_ok=True)
        for _ in range(self._chance.randint(1, 4)):
            self._version += 1
            name = self._chance.choice(["alpha", "beta", "gamma", "delta"])
            payload = self._chance.choice([100, 5000, 2_000_000])
            built = build_wheel(name, f"{self._version}.0", payload_size=payload)
            (self.path / built.filename).write_bytes(built.content)
        self._repo.run("index", "--repository", self.path, "--quiet", expect=None)

    def export(self, out: Path, *flags: str | Path) -> None:
        split = self._chance.choice([(), ("--split", "1200000")])
        self._repo.run("export", out, "--repository", self.path, *flags, *split)


class Inside:
    """A repository without microrepo, only with the importer of the bundle."""

    def __init__(self, repo: Repository, path: Path) -> None:
        self._repo = repo
        self.path = path

    def bring(self, bundle: Path) -> int:
        """Import with the `import.py` that travels in the first volume."""
        first = min(bundle.glob("*.tar"))
        command = ["tar", "-xf", str(first), "-C", str(bundle), "import.py"]
        subprocess.run(command, check=True)
        program = [sys.executable, str(bundle / "import.py")]
        done = subprocess.run(
            [*program, str(bundle), "--repository", str(self.path)], capture_output=True, text=True
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode

    def receipt(self, path: Path) -> Path:
        self.path.mkdir(exist_ok=True)
        self._repo.run("receipt", path, "--repository", self.path)
        return path


def contents(path: Path) -> Contents:
    """Return the distributions and the index page of each project."""
    found = {one.name: one.read_bytes() for one in path.glob("*.whl")}
    for page in (path / "simple").glob("*/index.v1_json"):
        files = json.loads(page.read_bytes())["files"]
        facts = [
            (f["filename"], f["hashes"], f.get("requires-python"), f.get("core-metadata"))
            for f in files
        ]
        found[f"page of {page.parent.name}"] = json.dumps(sorted(facts, key=str)).encode()
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_inside_ends_as_outside(repo: Repository, tmp_path: Path, seed: int) -> None:
    live(repo, tmp_path, random.Random(seed), months=4)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(10, 20))
def test_ten_months(repo: Repository, tmp_path: Path, seed: int) -> None:
    live(repo, tmp_path, random.Random(seed), months=10)


def live(repo: Repository, tmp_path: Path, chance: random.Random, months: int) -> None:
    """Let months go by; each bundle may be lost, repeated, or made for a receipt."""
    outside = Outside(repo, chance)
    inside = Inside(repo, tmp_path / "inside")
    sent: list[Path] = []
    in_step = True
    for month in range(months):
        outside.change()
        bundle = tmp_path / f"bundle-{month}"
        by_receipt = chance.random() < 0.4
        if by_receipt:
            outside.export(bundle, "--for", inside.receipt(tmp_path / f"receipt-{month}"))
        else:
            outside.export(bundle)
        if chance.random() < 0.3:
            in_step = False  # lost on the way
            continue
        code = inside.bring(bundle)
        if by_receipt or in_step:
            assert code == 0
        # A bundle after a lost one either brings everything that is needed, or changes nothing.
        in_step = code == 0
        if in_step:
            assert contents(inside.path) == contents(outside.path)
            sent.append(bundle)
        if sent and chance.random() < 0.5:
            before = contents(inside.path)
            inside.bring(chance.choice(sent))  # an old disk is found and imported again
            assert contents(inside.path) == before
    outside.change()
    last = tmp_path / "last"
    outside.export(last, "--for", inside.receipt(tmp_path / "receipt"))
    assert inside.bring(last) == 0
    assert contents(inside.path) == contents(outside.path)
