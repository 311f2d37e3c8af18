"""Two thousand settings of bandersnatch, held against the real program.

`MICROREPO_SOAK_SETTINGS` names another number.
"""

from __future__ import annotations

import os
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

pytestmark = pytest.mark.soak

SETTINGS = int(os.environ.get("MICROREPO_SOAK_SETTINGS", "2000"))


def test_the_same_files_or_a_note_at_length(tmp_path: Path) -> None:
    compared: list[bool] = []
    with closing(BandersnatchFilters()) as filters:

        @given(text=settings(), required=pins, index=documents())
        @profile(max_examples=SETTINGS, derandomize=False, suppress_health_check=list(HealthCheck))
        def law(text: str, required: str, index: list[Document]) -> None:
            compared.append(check_translation(filters, tmp_path, text, required, index))

        law()
    # Notes may excuse a difference, but not make the law an empty one.
    assert sum(compared) > len(compared) / 2
