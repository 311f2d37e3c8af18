"""A list counts as settled for the next run only, for the same address and the same rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from microrepo.client import Client, ClientSettings
from microrepo.model import NormalizedName
from microrepo.operations.refresh.upstream.change_detection import Changes, Visit
from microrepo.operations.refresh.upstream.settled_list import read_settled_list, save_settled_list
from microrepo.operations.run.project_sources import Sources
from microrepo.operations.run.run_rules import Rules
from microrepo.repositories.protocol import SourceSettings
from microrepo.selection.rules.policy import Policy
from microrepo.state import ProjectRow, Settled, State, open_state

FOO = NormalizedName("foo")
RULES = Rules(Policy(), "rules")
NOTHING_TO_DO = Changes(())
ADDRESS = "https://index.example/simple/"


def listing(*addresses: str, validator: str | None = '"1"') -> Sources:
    settings = [SourceSettings("simple", address, name=address) for address in addresses]
    sources = Sources(settings, lambda: Client(ClientSettings()))
    sources.list_validator = validator
    return sources


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    opened, _ = open_state(tmp_path / "state.db")
    yield opened
    opened.close()


def settle(
    state: State,
    sources: Sources | None = None,
    rules: Rules = RULES,
    changes: Changes = NOTHING_TO_DO,
) -> int:
    run = state.start_run("2026-05-31T12:00:00.000000Z")
    sources = sources or listing(ADDRESS)
    save_settled_list(state, sources, rules, changes, run=run, excluded=3)
    return state.start_run("2026-05-31T13:00:00.000000Z")


def test_the_next_run_finds_the_list(state: State) -> None:
    run = settle(state)
    found = read_settled_list(state, listing(ADDRESS), RULES, run)
    assert found is not None
    assert (found.validator, found.excluded) == ('"1"', 3)
    state.start_run("2026-05-31T14:00:00.000000Z")
    assert read_settled_list(state, listing(ADDRESS), RULES, run + 1) is None
    assert read_settled_list(state, listing(ADDRESS), RULES, 0) is None


def test_a_dry_run_has_no_number(state: State) -> None:
    run = state.start_run("2026-05-31T12:00:00.000000Z")
    save_settled_list(state, listing(ADDRESS), RULES, NOTHING_TO_DO, run=run, excluded=0)
    assert read_settled_list(state, listing(ADDRESS), RULES, 0) is not None


@pytest.mark.parametrize(
    ("sources", "rules"),
    [
        (listing("https://other.example/simple/"), RULES),
        (listing(ADDRESS, "https://other.example/simple/"), RULES),
        (listing(ADDRESS), Rules(Policy(), "others")),
        (listing(ADDRESS), Rules(Policy(requested={FOO: ("",)}), "rules")),
    ],
    ids=["another address", "one more source", "other rules", "requested names"],
)
def test_anything_else_compares_the_list_again(
    state: State, sources: Sources, rules: Rules
) -> None:
    run = settle(state)
    assert read_settled_list(state, sources, rules, run) is None
    run = settle(state, sources, rules)
    assert read_settled_list(state, listing(ADDRESS), RULES, run) is None


@pytest.mark.parametrize(
    "changes",
    [
        Changes((Visit(FOO, ask=True),)),
        Changes((), gone=(FOO,)),
        Changes((), unrequested=(FOO,)),
        Changes((), waiting=1),
    ],
)
def test_a_list_with_anything_to_do_is_not_settled(state: State, changes: Changes) -> None:
    run = settle(state, changes=changes)
    assert read_settled_list(state, listing(ADDRESS), RULES, run) is None


def test_a_list_without_validator_or_with_unreadable_entries_is_not_settled(state: State) -> None:
    run = settle(state, listing(ADDRESS, validator=None))
    assert read_settled_list(state, listing(ADDRESS), RULES, run) is None
    broken = listing(ADDRESS)
    broken.list_problems.append(("index", "1 entry cannot be read"))
    run = settle(state, broken)
    assert read_settled_list(state, listing(ADDRESS), RULES, run) is None


def test_changed_projects_are_compared_again(state: State) -> None:
    row = ProjectRow(FOO, "Foo", serial=1)
    run = settle(state)
    with state.transaction():
        state.save_projects([])
        state.forget_projects([])
    assert read_settled_list(state, listing(ADDRESS), RULES, run) is not None
    with state.transaction():
        state.save_projects([row])
    assert read_settled_list(state, listing(ADDRESS), RULES, run) is None
    run = settle(state)
    with state.transaction():
        state.forget_projects([FOO])
    assert read_settled_list(state, listing(ADDRESS), RULES, run) is None


def test_the_state_names_projects_that_serials_do_not_settle(state: State) -> None:
    good = ProjectRow(FOO, "Foo", serial=1, complete=True, policy="rules")
    bad = msgspec.structs.replace(good, name=NormalizedName("bad"), display_name="Bad")
    with state.transaction():
        state.save_projects([good, msgspec.structs.replace(bad, complete=False)])
    listed: dict[str, int | None] = {}
    rows = state.iter_doubtful(listed, Settled("rules", "2026", None, None))
    assert [row[0] for row in rows] == ["bad"]
    assert listed == {"Bad": 1}
    rows = state.iter_doubtful({}, Settled("rules", "2026", None, {"foo"}.__contains__))
    assert {row[0] for row in rows} == {"foo", "bad"}
