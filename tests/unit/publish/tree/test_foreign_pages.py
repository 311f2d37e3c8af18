"""Serials of pages that another program has written."""

from __future__ import annotations

from pathlib import Path

from microrepo.publish.tree.foreign_pages import adopt_foreign_pages
from microrepo.state import open_state
from microrepo.stores.flat_directory import FlatDirectory
from tests.support.bundles import Outside
from tests.support.importing import Inside
from tests.support.packages import build_wheel


def test_they_count_from_now_on(tmp_path: Path) -> None:
    inside, outside = Inside(tmp_path / "inside", "microrepo"), Outside()
    outside.put(build_wheel("dep", "1.0"))
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    directory = FlatDirectory(inside.root)
    state, _ = open_state(directory.state_file)
    assert not adopt_foreign_pages(directory, state)
    state.close()
    inside.program = "import.py"
    for version in ("2.0", "3.0"):
        outside.put(build_wheel("dep", version))
        inside.ok(*outside.bundle().write(tmp_path / version))
    state, _ = open_state(directory.state_file)
    assert adopt_foreign_pages(directory, state)
    (row,) = state.publication.pages(["dep"]).values()
    assert row.serial == 3
    assert state.publication.pending("", 10) == ["dep"]
    state.close()
