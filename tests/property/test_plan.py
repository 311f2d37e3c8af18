"""Laws of the plan: carried out, it makes what is there what is wanted."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from microrepo.guards import Limits, check_deletions
from microrepo.model import Action, ActionKind, Cause, LocalFile
from microrepo.plan import Wanted, make_plan, same_content, totals_of, unsettled
from tests.property.strategies import presents, wanted_files


def carry_out(plan: tuple[Action, ...], present: dict[str, LocalFile]) -> dict[str, LocalFile]:
    """Do to the records what the transfer and the deletions do to the disk and the state."""
    after = dict(present)
    for action in plan:
        if action.kind is ActionKind.DELETE:
            del after[action.filename]
        elif action.kind is ActionKind.DOWNLOAD:
            assert action.file is not None
            after[action.filename] = LocalFile(
                action.filename,
                action.file.size or 1,
                recorded=True,
                digests=action.file.digests,
                project=action.project,
            )
        elif action.kind in {ActionKind.ADOPT, ActionKind.KEEP}:
            after[action.filename] = msgspec.structs.replace(
                after[action.filename], recorded=True, project=action.project
            )
    return after


wanted_lists = st.lists(wanted_files(), max_size=8)


@given(wanted_lists, presents())
def test_carried_out_the_plan_makes_what_is_wanted(
    wanted: list[Wanted], present: dict[str, LocalFile]
) -> None:
    plan = make_plan(wanted, present)
    after = carry_out(plan, present)
    in_conflict = {action.filename for action in plan if action.kind is ActionKind.CONFLICT}
    names = {item.file.filename for item in wanted}
    ours = {name for name, local in after.items() if local.recorded}
    assert ours - in_conflict == names - in_conflict
    for action in plan:
        if action.filename in names - in_conflict:
            assert action.file is not None
            local = after[action.filename]
            assert local.size_bytes is not None
            assert same_content(action.file.digests, local.digests)


@given(wanted_lists, presents())
def test_replacing_leaves_no_conflict_but_between_projects_and_cases(
    wanted: list[Wanted], present: dict[str, LocalFile]
) -> None:
    for action in make_plan(wanted, present, replace=True):
        if action.kind is ActionKind.CONFLICT:
            local = present.get(action.filename)
            of_another = local is not None and local.recorded and local.project != action.project
            assert of_another or action.cause is Cause.CASE_CLASH


@given(wanted_lists, presents(), st.booleans())
def test_carried_out_there_is_nothing_left_to_do(
    wanted: list[Wanted], present: dict[str, LocalFile], replace: bool
) -> None:
    """plan(x, x) is empty of actions but keep; a conflict stays one until a person resolves it."""
    plan = make_plan(wanted, present, replace=replace)
    again = make_plan(wanted, carry_out(plan, present), replace=replace)
    conflicts = {a.filename for a in plan if a.kind is ActionKind.CONFLICT}
    assert {a.filename for a in again if a.kind is not ActionKind.KEEP} <= conflicts
    assert {a.filename for a in again} == {item.file.filename for item in wanted}


@given(wanted_lists, presents(), st.randoms(use_true_random=False), st.booleans())
def test_order_never_matters(
    wanted: list[Wanted], present: dict[str, LocalFile], random: object, replace: bool
) -> None:
    shuffled = list(wanted)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    backwards = dict(reversed(present.items()))
    plan = make_plan(wanted, present, replace=replace)
    assert make_plan(shuffled, backwards, replace=replace) == plan


@given(wanted_lists, presents(), st.booleans(), st.booleans())
def test_one_action_for_each_name_in_the_order_of_the_names(
    wanted: list[Wanted], present: dict[str, LocalFile], prune: bool, replace: bool
) -> None:
    plan = make_plan(wanted, present, prune=prune, replace=replace)
    names = [action.filename for action in plan]
    assert names == sorted(set(names))
    assert {item.file.filename for item in wanted} <= set(names)


@given(wanted_lists, presents(), st.booleans())
def test_what_is_not_ours_is_neither_deleted_nor_overwritten(
    wanted: list[Wanted], present: dict[str, LocalFile], prune: bool
) -> None:
    for action in make_plan(wanted, present, prune=prune):
        local = present.get(action.filename)
        if local is not None and not local.recorded:
            assert action.kind in {ActionKind.ADOPT, ActionKind.CONFLICT}


@given(wanted_lists, presents())
def test_without_pruning_nothing_is_deleted(
    wanted: list[Wanted], present: dict[str, LocalFile]
) -> None:
    kinds = {action.kind for action in make_plan(wanted, present, prune=False)}
    assert ActionKind.DELETE not in kinds


@given(wanted_lists, presents())
def test_two_files_that_differ_in_case_never_both_come(
    wanted: list[Wanted], present: dict[str, LocalFile]
) -> None:
    """What stands already may stay: on this file system both names were possible."""
    plan = make_plan(wanted, present)
    kept = [a.filename.casefold() for a in plan if a.file and a.kind is not ActionKind.CONFLICT]
    assert len(kept) == len(set(kept))


@given(wanted_lists, presents())
def test_totals_count_every_action_once(
    wanted: list[Wanted], present: dict[str, LocalFile]
) -> None:
    plan = make_plan(wanted, present)
    totals = totals_of(plan)
    counts = [getattr(totals, kind.value) for kind in ActionKind]
    assert sum(counts) == len(plan)
    half = len(plan) // 2
    assert totals_of(plan[:half]) + totals_of(plan[half:]) == totals


@given(wanted_lists, presents())
def test_digests_that_are_missing_are_asked_for(
    wanted: list[Wanted], present: dict[str, LocalFile]
) -> None:
    """Once all that `unsettled` names is known, no action rests on ignorance."""
    unknown = {
        name: msgspec.structs.replace(local, digests=type(local.digests)())
        for name, local in present.items()
    }
    needed = unsettled(wanted, unknown)
    settled = {name: present[name] if name in needed else unknown[name] for name in present}
    with_all = make_plan(wanted, present)
    assert [(a.kind, a.filename) for a in make_plan(wanted, settled)] == [
        (a.kind, a.filename) for a in with_all
    ]


@given(wanted_lists, presents(), st.integers(0, 300))
def test_stricter_limits_never_allow_more_deletions(
    wanted: list[Wanted], present: dict[str, LocalFile], count: int
) -> None:
    deletions = [a for a in make_plan(wanted, present) if a.kind is ActionKind.DELETE]
    refusals = [
        check_deletions(deletions, count, Limits(max_deletes=limit)) is not None
        for limit in range(10)
    ]
    assert refusals == sorted(refusals, reverse=True)


# An index without files has a plan of its own, which compares nothing with a disk.
@pytest.mark.parametrize("kind", [kind for kind in ActionKind if kind is not ActionKind.INDEX])
def test_the_laws_are_about_something(kind: ActionKind) -> None:
    """What the laws are tried on reaches every kind of action."""
    quickly = settings(phases=[Phase.generate], max_examples=1000)
    pairs = st.tuples(wanted_lists, presents())
    assert find(pairs, lambda pair: any(a.kind is kind for a in make_plan(*pair)), settings=quickly)
