"""A directory of distributions to export."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.config.schema import Config
from tests.support.packages import build_wheel


@pytest.fixture
def config(tmp_path: Path) -> Config:
    repository = tmp_path / "repository"
    repository.mkdir()
    for version in ("1", "2"):
        wheel = build_wheel("six", version)
        (repository / wheel.filename).write_bytes(wheel.content)
    return Config(repository=str(repository), processes=1, source="https://index.example/")
