"""Development tasks: `nox -l` lists them, `nox -s lint` runs one.

Each session installs what it needs. In an environment that has the development tools already,
`nox --no-venv -s lint` skips the installation.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import nox

CHECKOUT = Path(__file__).resolve().parent
sys.path.insert(0, str(CHECKOUT))

from tests.support.interpreters import python_interpreters  # noqa: E402

SUPPORTED = [(3, minor) for minor in range(10, 15)]
PYTEST = ("python", "-m", "pytest", "-n", "2", "--dist", "loadfile")

nox.needs_version = ">=2024.10"
nox.options.sessions = ["lint", "type", "unit"]
nox.options.reuse_existing_virtualenvs = True


def _install(session: nox.Session, extra: str) -> None:
    """Install the project with `extra`, unless the session runs in the caller's environment."""
    if session.virtualenv.is_sandboxed:
        session.install("--quiet", "-e", f".[{extra}]")


def _is_git_checkout() -> bool:
    """Return whether git accepts this directory, which it does not in an unpacked archive."""
    if shutil.which("git") is None:
        return False
    command = ["git", "-C", CHECKOUT, "rev-parse", "--git-dir"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, formatting, spelling, import rules, data files and changelog fragments."""
    _install(session, "dev")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("typos")
    session.run("towncrier", "build", "--draft", "--version", "next", silent=True)
    if _is_git_checkout():
        done_above = "ruff-check,ruff-format,lint-imports,typos,mypy"
        session.run("pre-commit", "run", "--all-files", env={"SKIP": done_above})


@nox.session(name="type")
def type_(session: nox.Session) -> None:
    """Check types."""
    _install(session, "dev")
    session.run("mypy")
    session.run("mypy", "microrepo.py")


@nox.session
def unit(session: nox.Session) -> None:
    """Run the unit and property tests on the running Python."""
    _install(session, "test")
    session.run(*PYTEST, "tests/unit", "tests/property", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure the coverage of the unit tests; fail below the floor in pyproject.toml."""
    _install(session, "dev")
    measured = ("--cov", "--cov-report=term", "-q")
    session.run(*PYTEST, "tests/unit", *measured, *session.posargs)


@nox.session(venv_backend="none")
@nox.parametrize("release", SUPPORTED, ids=["{}.{}".format(*release) for release in SUPPORTED])
def matrix(session: nox.Session, release: tuple[int, int]) -> None:
    """Run the unit and property tests on one supported Python; skip it if it is not found."""
    python = python_interpreters().get(release)
    if python is None:
        session.skip("Python {}.{} not found on PATH or in pyenv".format(*release))
    home = CHECKOUT / ".nox" / "matrix-{}.{}".format(*release)
    own = str(home / "bin" / "python")
    session.run(str(python), "-m", "venv", str(home), external=True)
    session.run(own, "-m", "pip", "install", "--quiet", "-e", ".[test]", external=True)
    session.run(own, *PYTEST[1:], "tests/unit", "tests/property", *session.posargs, external=True)


@nox.session(venv_backend="none")
def lowest(session: nox.Session) -> None:
    """Run the unit tests on the oldest Python, with the lowest versions that pyproject.toml allows."""
    python = python_interpreters().get(SUPPORTED[0])
    if python is None:
        session.skip("Python {}.{} not found on PATH or in pyenv".format(*SUPPORTED[0]))
    home = CHECKOUT / ".nox" / "lowest"
    own = str(home / "bin" / "python")
    session.run(str(python), "-m", "venv", str(home), external=True)
    install = ("uv", "pip", "install", "--quiet", "--python", own, "--resolution", "lowest-direct")
    session.run(*install, "-e", ".[test]", external=True)
    session.run(own, *PYTEST[1:], "tests/unit", *session.posargs, external=True)


@nox.session
def functional(session: nox.Session) -> None:
    """Run the functional tests: real servers, pip and uv on loopback."""
    _install(session, "test")
    session.run(*PYTEST, *(session.posargs or ["tests/functional"]))


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; warnings and broken internal links are errors."""
    _install(session, "docs")
    session.run("python", "-m", "sphinx", "-W", "--keep-going", "-q", "-E", "docs", "build/docs")


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks: `nox -s bench -- --help` lists what can be measured."""
    _install(session, "test")
    session.run("python", "-m", "benchmarks", *session.posargs)
