"""The program under every supported Python that is found: it fills a directory, pip installs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from microrepo.formats.toml import read_toml
from tests.support.index import FakeIndex
from tests.support.interpreters import python_interpreters
from tests.support.packages import build_sdist, build_wheel
from tests.support.programs import CHECKOUT, Environment, MicrorepoRunner
from tests.support.repository import Repository
from tests.support.server import PyPIServer

SUPPORTED = [(3, minor) for minor in range(10, 15)]


def dependencies() -> list[str]:
    table: Any = read_toml((CHECKOUT / "pyproject.toml").read_bytes())
    found: list[str] = table["project"]["dependencies"]
    return found


def with_dependencies(python: Path, place: Path) -> Path:
    """Return the Python of an environment that has the dependencies; kept between sessions.

    They come from wherever this machine's pip gets its packages.
    """
    own = place / "bin" / "python"
    wanted = "\n".join(dependencies())
    with FileLock(f"{place}.lock"):
        note = place / "installed.txt"
        if note.exists() and note.read_text() == wanted:
            return own
        install = [str(own), "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
        for command in (
            [str(python), "-m", "venv", "--clear", str(place)],
            [*install, *dependencies()],
        ):
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if done.returncode:
                pytest.skip(f"dependencies cannot be installed: {done.stderr.strip()[-300:]}")
        note.write_text(wanted)
    return own


@pytest.mark.parametrize("release", SUPPORTED, ids=lambda release: ".".join(map(str, release)))
def test_fills_a_directory_and_installs_from_it(
    release: tuple[int, int],
    tmp_path: Path,
    index: FakeIndex,
    pypi: PyPIServer,
    fresh_venv: Callable[..., Environment],
    pytestconfig: pytest.Config,
) -> None:
    python = python_interpreters().get(release)
    if python is None:
        pytest.skip("this Python is not installed")
    if release == sys.version_info[:2]:
        own = Path(sys.executable)
    else:
        assert pytestconfig.cache is not None
        cache = pytestconfig.cache.mkdir("microrepo-pythons")
        own = with_dependencies(python, cache / ".".join(map(str, release)))
    index.add("app", build_wheel("app", "2.0", requires_dist=["base"]))
    index.add("base", build_sdist("base", "1.0", requires_python=f">={release[0]}.{release[1]}"))
    runner = MicrorepoRunner(tmp_path, python=str(own))
    settings = ("--min-free-space", "0", "--processes", "2")
    repo = Repository(tmp_path / "repo", pypi.url, runner, settings)
    warned = {"PYTHONWARNINGS": "error::DeprecationWarning:microrepo"}
    repo.refresh("app", env=warned)
    assert {"app-2.0-py3-none-any.whl", "base-1.0.tar.gz"} <= repo.names()
    assert repo.refresh("app", env=warned).downloaded == 0
    repo.do("verify", "--deep")
    assert os.path.isfile(repo.path / "simple" / "index.html")
    venv = fresh_venv(python=python)
    venv.pip("install", "--no-index", "--find-links", repo.path, "app")
    shown = venv.run("-c", "import app, base; print(app.__version__, base.__version__)")
    assert shown.stdout == "2.0 1.0\n"
