"""The map of the house in docs/explanation/design.md names what exists, and all of it."""

from __future__ import annotations

import re

from tests.support.programs import CHECKOUT

PAGE = CHECKOUT / "docs" / "explanation" / "design.md"
ROOT = CHECKOUT / "microrepo"


def test_the_design_page_shows_the_house_as_it_is() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## The house")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([\w/]+(?:/|\.py))`", section))
    # The names of folders below a package are given without it.
    places = {place for place in named if (ROOT / place).exists()}
    inner = {place for place in named - places if next(ROOT.glob(f"**/{place}"), None)}
    assert named == places | inner
    listed = {f"{path.name}/" if path.is_dir() else path.name for path in ROOT.iterdir()}
    assert listed - named <= {"__init__.py", "__main__.py", "__pycache__/", "py.typed"}
