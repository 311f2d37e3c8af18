"""Chains of requirements that lead from a file to a goal."""

from __future__ import annotations

import pytest

from microrepo.model import Digests, NormalizedName
from microrepo.operations.inspect.requirement_trace import trace
from microrepo.state import FileRow, Requirer
from tests.support.shelf import Shelf

APP, MID, BASE = "app-2.0.zip", "middle-1.0.zip", "base-3.0.zip"


@pytest.fixture(autouse=True)
def files(shelf: Shelf) -> None:
    names = [(APP, "app", "2.0"), (MID, "middle", "1.0"), (BASE, "base", "3.0")]
    shelf.save(
        FileRow(filename, NormalizedName(name), version, "u", 1, Digests(), present=True)
        for filename, name, version in names
    )


def require(shelf: Shelf, *rows: Requirer) -> None:
    with shelf.state.transaction():
        shelf.state.save_requirers(rows, replace=True)


def chain(environment: str) -> list[Requirer]:
    return [
        Requirer(APP, environment, "app>=1", "", "app>=1"),
        Requirer(MID, environment, "middle", "app==2.0", "app>=1"),
        Requirer(BASE, environment, "base<9", "middle==1.0", "app>=1"),
    ]


def test_environments_share_a_chain(shelf: Shelf) -> None:
    require(shelf, *chain("linux"), *chain("windows"))
    assert trace(shelf.state, [BASE, "unknown.zip"]) == {
        BASE: ("linux, windows: base<9 of middle==1.0 <- middle of app==2.0 <- app>=1",)
    }


def test_the_shortest_chain_is_told(shelf: Shelf) -> None:
    direct = Requirer(BASE, "linux", "base", "app==2.0", "app>=1")
    require(shelf, *chain("linux"), direct)
    assert trace(shelf.state, [BASE]) == {BASE: ("linux: base of app==2.0 <- app>=1",)}


def test_each_goal_has_its_chain(shelf: Shelf) -> None:
    own = Requirer(BASE, "linux", "base", "", "r.txt")
    require(shelf, *chain("linux"), own)
    assert len(trace(shelf.state, [BASE])[BASE]) == 2
    assert "linux: base <- r.txt" in trace(shelf.state, [BASE])[BASE]


def test_circles_end(shelf: Shelf) -> None:
    require(
        shelf,
        Requirer(MID, "linux", "middle", "base==3.0", "lost"),
        Requirer(BASE, "linux", "base", "middle==1.0", "lost"),
    )
    assert trace(shelf.state, [MID]) == {MID: ("linux: lost",)}
