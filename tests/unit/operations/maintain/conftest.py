"""A repository that refreshes have filled, and the default settings for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from microrepo.config.load import load
from microrepo.config.schema import Config
from tests.support.shelf import Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """A repository without files."""
    shelf = Shelf(tmp_path / "shelf")
    yield shelf
    shelf.state.close()


@pytest.fixture
def config(shelf: Shelf) -> Config:
    """The default settings."""
    return load(None, {"repository": str(shelf.path), "min_free_space": "0"}, {}).config
