"""What the real bandersnatch selects with generated settings is what their translation selects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile

from tests.support.bandersnatch_filters import BandersnatchFilters
from tests.support.foreign_settings import (
    Document,
    check_translation,
    documents,
    pins,
    settings,
)


@pytest.fixture(scope="module")
def filters() -> Iterator[BandersnatchFilters]:
    """The filters of the real program."""
    with closing(BandersnatchFilters()) as running:
        yield running


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for settings, written over by each example."""
    return tmp_path_factory.mktemp("home")


@given(text=settings(), required=pins, index=documents())
@profile(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_the_same_files_or_a_note(
    filters: BandersnatchFilters, home: Path, text: str, required: str, index: list[Document]
) -> None:
    check_translation(filters, home, text, required, index)
