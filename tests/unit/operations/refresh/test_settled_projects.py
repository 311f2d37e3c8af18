"""What a list of serials settles inside the database is what a walk over all projects finds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from microrepo.model import NormalizedName
from microrepo.operations.refresh.upstream.change_detection import Circumstances, changes_by_list
from microrepo.state import ProjectRow, Settled, open_state

NOW = "2026-05-31T12:00:00.000000Z"
TIMES = st.sampled_from([None, NOW, "2026-05-31T11:00:00.000000Z", "2026-05-31T13:00:00.000000Z"])
NAMES = [f"project-{letter}" for letter in "abcdefgh"]
SERIALS = st.sampled_from([None, 0, 5, 6])
SOURCES = ["", "main", "other", "forgotten"]


def spelled(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name, name.title(), name.replace("-", "_")])


@st.composite
def rows(draw: st.DrawFn) -> list[ProjectRow]:
    return [
        ProjectRow(
            NormalizedName(name),
            draw(spelled(name)),
            serial=draw(SERIALS),
            complete=draw(st.booleans()),
            policy=draw(st.sampled_from(["rules", "others", ""])),
            retry_at=draw(TIMES),
            reconsider_at=draw(TIMES),
            source=draw(st.sampled_from(SOURCES)),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True))
    ]


@st.composite
def lists(draw: st.DrawFn) -> dict[str, int | None]:
    names = draw(st.lists(st.sampled_from([*NAMES, "new-one"]), unique=True))
    return {draw(spelled(name)): draw(SERIALS) for name in names}


def names() -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from([*NAMES, "new-one"]))


@given(rows(), lists(), names(), names(), st.none() | names(), st.booleans())
def test_the_database_settles_what_a_walk_over_all_projects_settles(
    known: list[ProjectRow],
    listed: dict[str, int | None],
    touched: frozenset[str],
    excluded: frozenset[str],
    others: frozenset[str] | None,
    outdated: bool,
) -> None:
    source_of = None if others is None else lambda name: "other" if name in others else "main"
    about = Circumstances(NOW, lambda _: "rules", touched, False, source_of, outdated)
    settled = Settled("rules", NOW, source_of, (touched | excluded).__contains__)
    state, _ = open_state(Path(":memory:"))
    try:
        with state.transaction():
            state.save_projects(known)
        walked = changes_by_list(dict(listed), state.iter_known(), about, excluded.__contains__)
        left = dict(listed)
        unsettled = state.iter_unsettled(left, settled)
        assert changes_by_list(left, unsettled, about, excluded.__contains__) == walked
    finally:
        state.close()


def test_settled_projects_are_taken_from_the_list_and_no_others(tmp_path: Path) -> None:
    state, _ = open_state(tmp_path / "state.db")
    row = ProjectRow(NormalizedName("same"), "Same", serial=5, complete=True, policy="rules")
    newer = ProjectRow(NormalizedName("newer"), "newer", serial=5, complete=True, policy="rules")
    with state.transaction():
        state.save_projects([row, newer])
    listed: dict[str, int | None] = {"Same": 5, "newer": 6, "new": 1}
    found = list(state.iter_unsettled(listed, Settled("rules", NOW)))
    assert [one[0] for one in found] == ["newer"]
    assert listed == {"newer": 6, "new": 1}
    state.close()


def test_a_fault_of_a_test_on_names_is_not_taken_for_an_answer() -> None:
    def fail(name: str) -> bool:
        raise ValueError(name)

    state, _ = open_state(Path(":memory:"))
    with state.transaction():
        state.save_projects(
            [ProjectRow(NormalizedName("a"), "a", serial=1, complete=True, policy="rules")]
        )
    with pytest.raises(sqlite3.OperationalError):
        list(state.iter_unsettled({"a": 1}, Settled("rules", NOW, None, fail)))
    state.close()
