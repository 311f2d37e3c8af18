"""Fixtures of the test bed: an index, a server over it, and real programs to run against it.

Laws are tried on the same few examples in each run, however slow the machine is, or on many new ones
with `MICROREPO_TEST_PROFILE=thorough`. With `MICROREPO_TEST_STRICT=1` a skip for a reason that is not
expected of a test machine is a failure, see `tests/support/skips.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from compileall import compile_dir
from itertools import count
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests.support.index import FakeIndex
from tests.support.programs import (
    CHECKOUT,
    Completed,
    Environment,
    MicrorepoRunner,
    make_environment,
)
from tests.support.server import PyPIServer
from tests.support.skips import pytest_collectreport, pytest_runtest_makereport
from tests.support.tls import Authority, has_openssl, make_authority

__all__ = ["pytest_collectreport", "pytest_runtest_makereport"]

settings.register_profile("short", max_examples=40, derandomize=True, database=None, deadline=None)
settings.register_profile("thorough", max_examples=3000, database=None, deadline=None)
settings.load_profile(os.environ.get("MICROREPO_TEST_PROFILE", "short"))


def pytest_configure(config: pytest.Config) -> None:
    """Compile the program: tests start it many times, and it may not write byte code then."""
    if not hasattr(config, "workerinput"):
        compile_dir(CHECKOUT / "microrepo", quiet=2)


@pytest.fixture
def index() -> FakeIndex:
    """An index without projects."""
    return FakeIndex()


@pytest.fixture
def pypi(index: FakeIndex) -> Iterator[PyPIServer]:
    """A running server over `index`."""
    with PyPIServer(index) as server:
        yield server


@pytest.fixture
def transport() -> str:
    """What carries requests; `each_transport` names others."""
    return "auto"


@pytest.fixture
def run_microrepo(tmp_path: Path, transport: str) -> Iterator[MicrorepoRunner]:
    """Run the program in a clean environment, with its home below `tmp_path`."""
    settings = {} if transport == "auto" else {"MICROREPO_TRANSPORT": transport}
    runner = MicrorepoRunner(tmp_path, settings=settings)
    yield runner
    runner.stop_all()


@pytest.fixture(scope="session")
def shared_environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """One environment per session, with the pip that comes with the running Python."""
    base = tmp_path_factory.getbasetemp()
    # The parallel workers of a session have their folders side by side in that of the session.
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with FileLock(folder / "shared-venv.lock"):
        return make_environment(folder / "shared-venv")


@pytest.fixture(scope="session")
def offline_pip(shared_environment: Environment) -> Callable[..., Completed]:
    """``offline_pip(*args, check=True)``: the session's pip; for `download`, `index` and such."""
    return shared_environment.pip


@pytest.fixture
def fresh_venv(tmp_path: Path, shared_environment: Environment) -> Callable[..., Environment]:
    """``fresh_venv(directory=None, python=None)``: an empty environment to install into."""
    numbers = count(1)

    def make(directory: Path | None = None, *, python: Path | None = None) -> Environment:
        place = directory or tmp_path / f"venv{next(numbers)}"
        # Another Python gets its own pip: the shared one may be too new for it.
        pip_from = shared_environment if python is None else None
        return make_environment(place, python=python, pip_from=pip_from)

    return make


@pytest.fixture
def uv(fresh_venv: Callable[..., Environment]) -> Callable[..., Completed]:
    """``uv(*args, check=True)``: uv on a fresh environment of this test."""
    return fresh_venv().uv


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority for https servers; skips where there is no openssl."""
    if not has_openssl():
        pytest.skip("the openssl program is not installed")
    return make_authority(tmp_path_factory.mktemp("authority"))
