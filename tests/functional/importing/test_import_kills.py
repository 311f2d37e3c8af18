"""Imports that are killed at random instants: readers see the old state or the new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.import_rounds import ImportRounds
from tests.support.importing import PROGRAMS


@pytest.mark.parametrize("program", [*PROGRAMS, "both"])
def test_killed_imports_leave_old_or_new(program: str, tmp_path: Path) -> None:
    programs = PROGRAMS if program == "both" else (program,)
    rounds = ImportRounds(tmp_path, programs, program)
    rounds.run(5)
    assert rounds.kills >= 5
