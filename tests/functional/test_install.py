"""What it is all for: pip and uv install offline from the flat directory."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import build_sdist, build_wheel
from tests.support.programs import Environment, clean_environment, run_program, uv_program
from tests.support.repository import Repository
from tests.support.server import PyPIServer

Venvs = Callable[..., Environment]
SHOW = "import app, base; print(app.__version__, base.__version__)"


@pytest.fixture
def filled(repo: Repository, index: FakeIndex, pypi: PyPIServer) -> Repository:
    """A repository with all that a first run writes; its source is gone."""
    index.add("app", build_wheel("app", "2.0", requires_dist=["base>=1"]))
    index.add("app", build_wheel("app", "1.0"))
    index.add("Base", build_sdist("base", "1.5"))
    index.add("base", build_wheel("base", "1.5", payload_size=50_000))
    index.add("base", build_wheel("base", "1.6"), yanked="broken")
    repo.settings = ("--min-free-space", "0", "--processes", "2")
    repo.refresh("app", "base")
    pypi.close()
    return repo


def test_pip_installs_from_the_directory(filled: Repository, fresh_venv: Venvs) -> None:
    venv = fresh_venv()
    venv.pip("install", "--no-index", "--find-links", filled.path, "app")
    assert venv.run("-c", SHOW).stdout == "2.0 1.5\n"


def test_uv_installs_from_the_directory(filled: Repository, fresh_venv: Venvs) -> None:
    venv = fresh_venv()
    venv.uv("pip", "install", "--offline", "--no-index", "--find-links", filled.path, "app")
    assert venv.run("-c", SHOW).stdout == "2.0 1.5\n"


def test_pip_builds_from_an_sdist(filled: Repository, fresh_venv: Venvs) -> None:
    venv = fresh_venv()
    venv.pip(*("install", "--no-index", "--find-links", filled.path, "--no-binary", "base", "base"))
    assert venv.run("-c", "import base; print(base.__version__)").stdout == "1.5\n"


def test_pip_takes_the_directory_from_its_environment(
    filled: Repository, fresh_venv: Venvs
) -> None:
    venv = fresh_venv()
    told = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(filled.path)}
    run_program(
        [*venv.pip_command, "install", "--disable-pip-version-check", "app"],
        env=clean_environment(venv.directory, told),
        cwd=venv.directory,
        check=True,
    )
    assert venv.run("-c", SHOW).stdout == "2.0 1.5\n"


def test_uv_takes_the_directory_from_its_environment(filled: Repository, fresh_venv: Venvs) -> None:
    venv = fresh_venv()
    told = {
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(filled.path),
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(venv.directory / "cache"),
        "VIRTUAL_ENV": str(venv.directory),
    }
    run_program(
        [uv_program(), "pip", "install", "app"],
        env=clean_environment(venv.directory, told),
        cwd=venv.directory,
        check=True,
    )
    assert venv.run("-c", SHOW).stdout == "2.0 1.5\n"


def test_pip_installs_what_a_lock_with_hashes_names(
    filled: Repository, index: FakeIndex, fresh_venv: Venvs
) -> None:
    wheels = [
        index.file("app", "app-2.0-py3-none-any.whl"),
        index.file("base", "base-1.5-py3-none-any.whl"),
    ]
    lines = [f"{f.built.name}=={f.version} --hash=sha256:{f.built.sha256}\n" for f in wheels]
    lock = filled.path.parent / "requirements.txt"
    lock.write_text("".join(lines))
    venv = fresh_venv()
    venv.pip(
        *("install", "--no-index", "--find-links", filled.path, "--require-hashes"),
        *("--only-binary", ":all:", "-r", lock),
    )
    assert venv.run("-c", SHOW).stdout == "2.0 1.5\n"


def test_nothing_but_distributions_and_their_metadata_lies_at_the_top(filled: Repository) -> None:
    """Newer pip reads every page of a directory of links, older pip every file."""
    endings = {
        os.path.splitext(name)[1] for name in filled.names() - {"server.py", "last-modified"}
    }
    assert endings <= {".whl", ".gz", ".metadata"}
