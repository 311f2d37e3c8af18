"""A local index of the wheels that a few goals need, downloaded once by pip, by name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import product
from benchmarks.peers import without_pip

GOALS = (
    *("jupyterlab", "pandas", "scikit-learn", "matplotlib"),
    *("flask", "httpx[http2]", "pytest", "sqlalchemy"),
)


def ensure_wheel_index(directory: Path, goals: Sequence[str] = GOALS) -> Path:
    """Return a tree for `webserver.Server` with the wheels of the goals; made once.

    Raises:
        subprocess.CalledProcessError: pip cannot download them.
    """
    tree, wheels = directory / "tree", directory / "wheels"
    manifest = tree / "manifest.json"
    wanted = json.dumps(list(goals))
    if manifest.exists() and manifest.read_text() == wanted:
        return tree
    shutil.rmtree(directory, ignore_errors=True)
    _download(goals, wheels)
    words = product.command("index", "--repository", str(wheels), "--quiet", "--no-progress")
    subprocess.run(list(map(str, words)), check=True, env=product.environment())
    for page in (wheels / "simple").rglob("index.*"):
        target = tree / "before" / page.relative_to(wheels)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(page.read_bytes().replace(b"../../", b"../../packages/"))
    (tree / "packages").symlink_to(wheels)
    facts = {"serials": {}, "aliases": {}, "last_serial": 1}
    (tree / "before" / "facts.json").write_text(json.dumps(facts))
    manifest.write_text(wanted)
    return tree


def _download(goals: Sequence[str], wheels: Path) -> None:
    command = [sys.executable, "-m", "pip", "--isolated", "download", "--quiet", "--dest", wheels]
    command += ["--only-binary", ":all:", "--disable-pip-version-check", *goals]
    env = without_pip() | {"PIP_CONFIG_FILE": os.devnull}
    subprocess.run(list(map(str, command)), check=True, env=env)
