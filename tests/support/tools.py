"""Other people's programs that tests run: each in a virtual environment, installed once by pip.

`MICROREPO_TEST_TOOLS` names the directory that keeps them between runs. Without it, no test
downloads anything, and those that need such a program are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from tests.support.interpreters import Release, python_interpreters

VARIABLE = "MICROREPO_TEST_TOOLS"
_INSTALL_TIMEOUT_S = 300


def tool(name: str, requirements: Sequence[str], *, at_least: Release = (3, 10)) -> Path:
    """Return the `bin` directory of an environment with these requirements; skips without.

    Args:
        name: of the directory that keeps it.
        at_least: the oldest Python that the program runs on.
    """
    kept = os.environ.get(VARIABLE)
    if not kept:
        pytest.skip(f"{VARIABLE} names no directory for other people's programs")
    folder = Path(kept).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / name
    with FileLock(folder / f"{name}.lock"):
        if not (home / ".complete").exists():
            _install(home, requirements, _python(at_least))
    return home / "bin"


def _python(at_least: Release) -> Path:
    if sys.version_info[:2] >= at_least:
        return Path(sys.executable)
    fitting = [path for release, path in python_interpreters().items() if release >= at_least]
    if not fitting:
        pytest.skip("no Python {}.{} here".format(*at_least))
    return fitting[0]


def _install(home: Path, requirements: Sequence[str], python: Path) -> None:
    # Where pip finds packages is this machine's business, so its settings stay.
    shutil.rmtree(home, ignore_errors=True)
    pip: list[str | Path] = [
        home / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--upgrade",
    ]
    venv: list[str | Path] = [python, "-m", "venv", home]
    for command in (venv, [*pip, *requirements]):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            pytest.skip(f"{home.name}: pip took more than {_INSTALL_TIMEOUT_S} s")
        if done.returncode:
            pytest.skip(f"{home.name} could not be installed: {done.stderr.strip()[-200:]}")
    (home / ".complete").touch()
