"""Servers and a copier for the tests of copying."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from microrepo.operations.copy.copy_run import CopyReport
from tests.support.packages import BuiltFile, build_egg, build_sdist, build_wheel
from tests.support.peers import Peers, install_peers
from tests.support.programs import Completed, MicrorepoRunner
from tests.support.receiver import Receiver

FAST = ("--processes", "2", "--connections", "8", "--min-free-space", "0")


@pytest.fixture(scope="session")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Peers:
    """The servers of others; skips where they cannot be installed."""
    base = tmp_path_factory.getbasetemp()
    return install_peers(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An index with uploads, in this process."""
    with Receiver() as server:
        yield server


@pytest.fixture
def files() -> list[BuiltFile]:
    """Every kind of distribution that is carried about."""
    return [
        build_wheel("alpha", "1.0", payload_size=3000, summary="Größe & mehr"),
        build_wheel("alpha", "1.1", requires_dist=["beta-two>=1"], requires_python=">=3.8"),
        build_wheel("alpha", "2.0b1"),
        build_sdist("alpha", "1.1"),
        build_sdist("Beta.Two", "2.0", format="zip"),
        build_wheel("Beta.Two", "2.0"),
        build_egg("legacy", "0.3"),
        build_sdist("old-style", "0.1", format="tar.bz2"),
        build_wheel("large", "1.0", payload_size=3_000_000),
    ]


@pytest.fixture
def pile(tmp_path: Path, files: list[BuiltFile]) -> Path:
    """A flat directory with all of them, made by nobody in particular."""
    directory = tmp_path / "pile"
    directory.mkdir()
    for file in files:
        file.write_to(directory)
    return directory


Copier = Callable[..., CopyReport]


@pytest.fixture
def copy(run_microrepo: MicrorepoRunner) -> Copier:
    """``copy(*args, expect=0, env=None)``: run `microrepo copy` and return its report."""

    def run(*args: str | Path, expect: int = 0, command: str = "copy", **how: object) -> CopyReport:
        done: Completed = run_microrepo(command, *args, *FAST, "--json", **how)  # type: ignore[arg-type]
        said = f"{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, said
        assert done.returncode == expect, said
        return msgspec.json.decode(done.stdout, type=CopyReport)

    return run


def names(directory: Path) -> set[str]:
    """Return the visible files of a directory."""
    return {path.name for path in directory.iterdir() if not path.name.startswith(".")}


def content(directory: Path) -> dict[str, bytes]:
    """Return the visible files of a directory with their content."""
    return {name: (directory / name).read_bytes() for name in names(directory)}
