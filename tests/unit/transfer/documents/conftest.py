"""A place for downloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.transfer.download.partial_file import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    control = tmp_path / "repository" / ".microrepo" / "partial"
    control.mkdir(parents=True)
    return Place(str(tmp_path / "repository"), str(control))
