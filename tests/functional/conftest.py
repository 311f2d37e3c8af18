"""The repository that most tests of the program work on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.programs import MicrorepoRunner
from tests.support.repository import DEFAULTS, Repository
from tests.support.server import PyPIServer


@pytest.fixture
def repo(tmp_path: Path, pypi: PyPIServer, run_microrepo: MicrorepoRunner) -> Repository:
    """A repository that is not there yet, filled from `pypi`."""
    return Repository(tmp_path / "repo", pypi.url, run_microrepo)


@pytest.fixture
def default_settings(repo: Repository) -> None:
    """Let `repo` have pages and closures, as by default."""
    repo.settings = DEFAULTS
