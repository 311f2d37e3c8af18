"""Which projects a refresh looks at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from microrepo.model import NormalizedName
from microrepo.operations.refresh.upstream.change_detection import (
    Changes,
    Circumstances,
    Visit,
    changes_by_list,
    changes_by_name,
)
from microrepo.state import KnownProject

NOW = "2026-05-31T12:00:00.000000Z"
LATER = "2026-05-31T13:00:00.000000Z"
EARLIER = "2026-05-31T11:00:00.000000Z"
RULES = "fingerprint"


def known(
    name: str = "foo",
    display_name: str | None = None,
    *,
    serial: int | None = 5,
    complete: bool = True,
    policy: str = RULES,
    retry_at: str | None = None,
    reconsider_at: str | None = None,
    source: str = "",
) -> KnownProject:
    state = (serial, int(complete), policy, retry_at, reconsider_at)
    return (name, display_name or name, *state, source)


def about(touched: frozenset[str] = frozenset(), *, force: bool = False) -> Circumstances:
    return Circumstances(NOW, lambda name: RULES, touched, force)


def compare(
    listed: dict[str, int | None],
    *rows: KnownProject,
    excluded: Callable[[NormalizedName], bool] = lambda name: False,
    circumstances: Circumstances | None = None,
) -> Changes:
    return changes_by_list(listed, rows, circumstances or about(), excluded)


ASK, LOOK, LEAVE, WAIT = "ask the source", "look at the record", "leave alone", "wait"


def what_happens(changes: Changes) -> str:
    assert (changes.gone, changes.unrequested) == ((), ())
    if changes.waiting:
        assert (changes.waiting, changes.visits) == (1, ())
        return WAIT
    if not changes.visits:
        return LEAVE
    (visit,) = changes.visits
    return ASK if visit.ask else LOOK


@pytest.mark.parametrize(
    ("row", "serial", "expected"),
    [
        pytest.param(known(), 5, LEAVE, id="settled"),
        pytest.param(known(), 6, ASK, id="newer serial"),
        pytest.param(known(), 4, ASK, id="older serial"),
        pytest.param(known(), None, ASK, id="the list has no serials"),
        pytest.param(known(serial=None), 5, ASK, id="no serial known"),
        pytest.param(known(serial=None), None, ASK, id="no serials at all"),
        pytest.param(known(complete=False), 5, LOOK, id="files are missing"),
        pytest.param(known(policy="other"), 5, LOOK, id="rules have changed"),
        pytest.param(known(reconsider_at=EARLIER), 5, LOOK, id="a file is old enough now"),
        pytest.param(known(reconsider_at=NOW), 5, LOOK, id="a file is old enough this moment"),
        pytest.param(known(reconsider_at=LATER), 5, LEAVE, id="no file is old enough yet"),
        pytest.param(known(retry_at=LATER), 6, WAIT, id="changed, failed lately"),
        pytest.param(known(retry_at=EARLIER), 6, ASK, id="changed, failed long ago"),
        pytest.param(known(retry_at=LATER, complete=False), 5, WAIT, id="failed lately"),
        pytest.param(known(retry_at=EARLIER, complete=False), 5, LOOK, id="failed long ago"),
    ],
)
def test_known_and_listed_project(row: KnownProject, serial: int | None, expected: str) -> None:
    assert what_happens(compare({"foo": serial}, row)) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(known(), LOOK, id="settled"),
        pytest.param(known(retry_at=LATER, complete=False), LOOK, id="failed lately"),
    ],
)
def test_project_whose_files_were_touched(row: KnownProject, expected: str) -> None:
    changes = compare({"foo": 5}, row, circumstances=about(frozenset({"foo"})))
    assert what_happens(changes) == expected


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(known(), id="settled"),
        pytest.param(known(retry_at=LATER), id="failed lately"),
    ],
)
def test_force_asks_for_everything(row: KnownProject) -> None:
    assert what_happens(compare({"foo": 5}, row, circumstances=about(force=True))) == ASK


def test_visit_carries_the_promised_serial() -> None:
    assert compare({"foo": 7, "Bar": 8}, known()).visits == (
        Visit(NormalizedName("bar"), ask=True, serial=8),
        Visit(NormalizedName("foo"), ask=True, serial=7),
    )


def test_new_project_is_asked_for_by_its_normalised_name() -> None:
    assert compare({"Foo.Bar_baz": None}).visits == (Visit(NormalizedName("foo-bar-baz"), True),)


def test_two_spellings_in_the_list_are_one_project() -> None:
    assert len(compare({"Foo": 1, "foo": 1, "FOO": 1}).visits) == 1


@pytest.mark.parametrize(("serial", "expected"), [(5, LEAVE), (6, ASK), (None, ASK)])
def test_another_spelling_is_the_same_project(serial: int | None, expected: str) -> None:
    assert what_happens(compare({"Foo": serial}, known("foo", "foo"))) == expected


def test_project_that_the_list_lacks_is_gone() -> None:
    assert compare({"bar": 1}, known("bar", serial=1), known()).gone == ("foo",)


def test_excluded_new_project_is_no_business_of_ours() -> None:
    assert compare({"foo": 1}, excluded=lambda name: True) == Changes(())


@pytest.mark.parametrize("listed", ["foo", "Foo"], ids=["same spelling", "other spelling"])
def test_excluded_known_project_is_unrequested_and_not_gone(listed: str) -> None:
    changes = compare({listed: 5}, known(), excluded=lambda name: name == "foo")
    assert changes == Changes((), unrequested=(NormalizedName("foo"),))


def test_visits_come_in_the_order_of_their_names() -> None:
    changes = compare({"c": 1, "a": 1, "b": 1, "B": 1}, known("b"), known("c"))
    assert [visit.name for visit in changes.visits] == ["a", "b", "c"]


def test_the_list_is_not_held_twice() -> None:
    listed: dict[str, int | None] = {"foo": 5, "bar": 5}
    compare(listed, known())
    assert listed == {}


def test_waiting_projects_are_counted() -> None:
    rows = [known(name, retry_at=LATER) for name in "abc"]
    assert compare(dict.fromkeys("abcd", 9), *rows).waiting == 3


# --- named projects -----------------------------------------------------------------------------------


def by_name(*names: str, only_these: bool = False) -> Changes:
    rows = [known("foo", retry_at=LATER), known("old")]
    return changes_by_name(map(NormalizedName, names), rows, only_these=only_these)


def test_named_projects_are_asked_for_whatever_is_known() -> None:
    assert by_name("new", "foo", "foo").visits == (
        Visit(NormalizedName("foo"), ask=True),
        Visit(NormalizedName("new"), ask=True),
    )


def test_known_projects_that_are_not_named_are_unrequested() -> None:
    assert by_name("new").unrequested == ("foo", "old")


def test_only_these_leaves_the_others_alone() -> None:
    assert by_name("new", only_these=True).unrequested == ()


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("inside", "inside", LEAVE),
        ("", "inside", LEAVE),
        ("inside", "outside", ASK),
        ("x", None, LEAVE),
    ],
)
def test_another_source_has_other_serials(before: str, now: str | None, expected: str) -> None:
    source_of = None if now is None else lambda _: now
    circumstances = Circumstances(NOW, lambda _: RULES, source_of=source_of)
    changes = compare({"foo": 5}, known(source=before), circumstances=circumstances)
    assert what_happens(changes) == expected
