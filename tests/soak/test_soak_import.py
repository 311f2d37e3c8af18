"""Hundreds of imports killed at random instants, by both programs in turn, over months of changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.import_rounds import ImportRounds
from tests.support.importing import PROGRAMS

KILLS = int(os.environ.get("MICROREPO_SOAK_IMPORT_KILLS", "500"))


@pytest.mark.soak
def test_500_killed_imports(tmp_path: Path) -> None:
    kills = reads = number = 0
    while kills < KILLS:
        number += 1
        rounds = ImportRounds(tmp_path / str(number), PROGRAMS, number)
        rounds.run(20)
        kills += rounds.kills
        reads += rounds.reads
    assert reads > kills
