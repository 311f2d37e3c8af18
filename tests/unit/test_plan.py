"""From what is wanted and what is there to actions, and the guards that look at them."""

from __future__ import annotations

import pytest

from microrepo.errors import NoSpace, OverBudget, TooManyDeletions
from microrepo.guards import (
    Limits,
    check_deletions,
    check_inodes,
    check_space,
    count_needed,
    inodes_needed,
)
from microrepo.model import Action, ActionKind, Cause, Digests, File, LocalFile, NormalizedName
from microrepo.plan import Totals, Wanted, make_plan, same_content, totals_of, unsettled

RIGHT, WRONG = Digests(sha256="a" * 64), Digests(sha256="b" * 64)
NAME = "foo-1.0.tar.gz"


def wanted(
    name: str = NAME, digests: Digests = RIGHT, project: str = "foo", size: int | None = 10
) -> Wanted:
    file = File(name, f"https://f.example/{name}", "1.0", "sdist", digests, size)
    return Wanted(NormalizedName(project), file, detail="Python 3.11")


def local(
    name: str = NAME,
    digests: Digests = RIGHT,
    *,
    recorded: bool = True,
    project: str = "foo",
    size: int | None = 10,
) -> LocalFile:
    return LocalFile(name, size, 1, recorded, digests, project if recorded else "")


def plan_one(item: Wanted, there: LocalFile | None, **how: bool) -> Action:
    present = {} if there is None else {there.filename: there}
    (action,) = make_plan([item], present, **how)
    return action


@pytest.mark.parametrize(
    ("there", "kind"),
    [
        pytest.param(None, ActionKind.DOWNLOAD, id="unknown"),
        pytest.param(local(size=None), ActionKind.DOWNLOAD, id="recorded but gone"),
        pytest.param(local(), ActionKind.KEEP, id="ours and right"),
        pytest.param(local(digests=WRONG), ActionKind.DOWNLOAD, id="ours and damaged"),
        pytest.param(local(digests=Digests()), ActionKind.DOWNLOAD, id="ours, content unknown"),
        pytest.param(local(recorded=False), ActionKind.ADOPT, id="not ours and right"),
        pytest.param(
            local(digests=WRONG, recorded=False), ActionKind.CONFLICT, id="not ours and different"
        ),
    ],
)
def test_action_for_a_wanted_file(there: LocalFile | None, kind: ActionKind) -> None:
    assert plan_one(wanted(), there).kind is kind


def test_replacing_turns_a_conflict_into_a_download() -> None:
    action = plan_one(wanted(), local(digests=WRONG, recorded=False), replace=True)
    assert action.kind is ActionKind.DOWNLOAD
    assert action.cause is Cause.OVERWRITES


@pytest.mark.parametrize(
    ("announced_size", "recorded", "kind"),
    [
        pytest.param(10, True, ActionKind.KEEP, id="ours, same size"),
        pytest.param(None, True, ActionKind.KEEP, id="ours, size unknown"),
        pytest.param(11, True, ActionKind.DOWNLOAD, id="ours, other size"),
        pytest.param(10, False, ActionKind.ADOPT, id="not ours, same size"),
        pytest.param(11, False, ActionKind.CONFLICT, id="not ours, other size"),
    ],
)
def test_without_a_digest_the_size_decides(
    announced_size: int | None, recorded: bool, kind: ActionKind
) -> None:
    item = wanted(digests=Digests(), size=announced_size)
    assert plan_one(item, local(recorded=recorded)).kind is kind


def test_download_carries_size_and_reason() -> None:
    action = plan_one(wanted(), None)
    assert (action.size_bytes, action.detail, action.project) == (10, "Python 3.11", "foo")


@pytest.mark.parametrize(
    ("prune", "kinds"),
    [
        pytest.param(True, [ActionKind.DOWNLOAD, ActionKind.DELETE], id="prune"),
        pytest.param(False, [ActionKind.DOWNLOAD], id="do not prune"),
    ],
)
def test_recorded_files_that_are_not_wanted(prune: bool, kinds: list[ActionKind]) -> None:
    old = local("old-0.9.tar.gz")
    plan = make_plan([wanted()], {old.filename: old}, prune=prune)
    assert [action.kind for action in plan] == kinds


def test_files_that_are_not_ours_are_never_deleted() -> None:
    mine = local("my-own.tar.gz", recorded=False)
    assert make_plan([], {mine.filename: mine}) == ()


@pytest.mark.parametrize(
    ("items", "replaced"),
    [
        pytest.param([wanted()], True, id="a newer file of the same project"),
        pytest.param([wanted("bar-1.0.zip", project="bar")], False, id="of another project"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_deletion_knows_whether_it_is_replaced(items: list[Wanted], replaced: bool) -> None:
    old = local("foo-0.9.tar.gz")
    plan = make_plan(items, {old.filename: old})
    (deletion,) = [action for action in plan if action.kind is ActionKind.DELETE]
    assert (deletion.replaced, deletion.size_bytes) == (replaced, 10)


def test_a_conflict_replaces_nothing() -> None:
    old, foreign = local("foo-0.9.tar.gz"), local(digests=WRONG, recorded=False)
    plan = make_plan([wanted()], {old.filename: old, foreign.filename: foreign})
    (deletion,) = [action for action in plan if action.kind is ActionKind.DELETE]
    assert not deletion.replaced


def test_two_projects_with_the_same_content_under_one_name() -> None:
    (action,) = make_plan([wanted(project="bar"), wanted(project="foo")], {})
    assert (action.kind, action.project, action.claimants) == (ActionKind.DOWNLOAD, "bar", ())


def test_two_projects_with_other_content_under_one_name() -> None:
    (action,) = make_plan([wanted(project="foo"), wanted(project="bar", digests=WRONG)], {})
    assert (action.kind, action.project) == (ActionKind.DOWNLOAD, "bar")
    assert (action.detail, action.claimants) == ("Python 3.11", ("foo",))


def test_the_recorded_owner_of_a_name_keeps_it() -> None:
    claims = [wanted(project="bar", digests=WRONG), wanted(project="foo")]
    (action,) = make_plan(claims, {NAME: local(project="foo")})
    assert (action.kind, action.project) == (ActionKind.KEEP, "foo")


def test_three_claims_name_each_rival_once() -> None:
    claims = [wanted(project=name, digests=Digests(sha256=name * 64)) for name in "abcb"]
    (action,) = make_plan(claims, {})
    assert action.claimants == ("b", "c")


def test_names_that_differ_in_case_only() -> None:
    plan = make_plan([wanted("Foo-1.0.tar.gz"), wanted("foo-1.0.tar.gz", WRONG)], {})
    assert [(action.filename, action.kind) for action in plan] == [
        ("Foo-1.0.tar.gz", ActionKind.DOWNLOAD),
        ("foo-1.0.tar.gz", ActionKind.CONFLICT),
    ]
    assert (plan[1].cause, plan[1].detail) == (Cause.CASE_CLASH, "Foo-1.0.tar.gz")


def test_of_names_that_differ_in_case_the_recorded_one_stays() -> None:
    plan = make_plan([wanted("Foo-1.0.tar.gz"), wanted()], {NAME: local()})
    assert {a.filename: a.kind for a in plan} == {
        "Foo-1.0.tar.gz": ActionKind.CONFLICT,
        NAME: ActionKind.KEEP,
    }


def test_what_one_project_lists_twice_does_not_depend_on_the_order() -> None:
    twice = [wanted(), wanted(digests=WRONG), wanted(size=99)]
    assert make_plan(twice, {}) == make_plan(twice[::-1], {})


def test_nothing_wanted_and_nothing_there() -> None:
    assert make_plan([], {}) == ()


# --- content ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("announced", "actual", "expected"),
    [
        pytest.param(RIGHT, RIGHT, True, id="same"),
        pytest.param(RIGHT, WRONG, False, id="other"),
        pytest.param(
            Digests("a", md5="x"), Digests("a", md5="y"), True, id="the strongest decides"
        ),
        pytest.param(Digests(md5="x"), Digests("a", md5="x"), True, id="what both know decides"),
        pytest.param(Digests(md5="x"), RIGHT, None, id="nothing in common"),
        pytest.param(Digests(), Digests(), None, id="nothing at all"),
    ],
)
def test_same_content(announced: Digests, actual: Digests, expected: bool | None) -> None:
    assert same_content(announced, actual) is expected


@pytest.mark.parametrize(
    ("item", "there", "expected"),
    [
        pytest.param(wanted(), None, {}, id="not there"),
        pytest.param(wanted(), local(size=None), {}, id="gone"),
        pytest.param(wanted(), local(), {}, id="known"),
        pytest.param(wanted(), local(digests=Digests()), {NAME: "sha256"}, id="unknown content"),
        pytest.param(
            wanted(digests=Digests(md5="x")), local(), {NAME: "md5"}, id="another algorithm"
        ),
        pytest.param(
            wanted(digests=Digests()), local(digests=Digests()), {}, id="nothing to compare with"
        ),
    ],
)
def test_files_to_digest_before_planning(
    item: Wanted, there: LocalFile | None, expected: dict[str, str]
) -> None:
    present = {} if there is None else {there.filename: there}
    assert unsettled([item], present) == expected


# --- totals and guards --------------------------------------------------------------------------------


def action(kind: ActionKind, size: int = 10, *, replaced: bool = False) -> Action:
    return Action(kind, f"{kind.value}-{size}", "foo", Cause.SELECTED, None, "", size, replaced)


def test_totals() -> None:
    plan = [action(kind) for kind in ActionKind] + [action(ActionKind.DOWNLOAD, 5)]
    assert totals_of(plan) == Totals(2, 15, 1, 1, 1, 10, 1, 1)


def test_totals_add_up() -> None:
    assert Totals(1, 2, 3, 4, 5, 6, 7) + Totals(10, 20, 30, 40, 50, 60, 70) == Totals(
        11, 22, 33, 44, 55, 66, 77
    )


@pytest.mark.parametrize(
    ("download", "present", "free", "limits", "refusal"),
    [
        pytest.param(0, 0, 0, Limits(), None, id="nothing to do on a full disk"),
        pytest.param(10, 0, 10, Limits(), None, id="just fits"),
        pytest.param(11, 0, 10, Limits(), NoSpace, id="does not fit"),
        pytest.param(5, 0, 10, Limits(min_free_bytes=5), None, id="leaves just enough"),
        pytest.param(6, 0, 10, Limits(min_free_bytes=5), NoSpace, id="leaves too little"),
        pytest.param(0, 0, 1, Limits(min_free_bytes=5), None, id="nothing to download"),
        pytest.param(5, 5, 99, Limits(max_total_bytes=10), None, id="just within the budget"),
        pytest.param(6, 5, 99, Limits(max_total_bytes=10), OverBudget, id="over the budget"),
    ],
)
def test_space(
    download: int, present: int, free: int, limits: Limits, refusal: type[Exception] | None
) -> None:
    found = check_space(download, present, free, limits)
    assert found is None if refusal is None else type(found) is refusal


@pytest.mark.parametrize(
    ("found", "setting"),
    [
        (check_space(10**9, 0, 10**6, Limits()), "`min_free_space`"),
        (check_space(10**9, 0, 10**12, Limits(max_total_bytes=5)), "`max_total_size`"),
    ],
)
def test_refusal_names_the_setting_that_allows_it(found: Exception, setting: str) -> None:
    assert setting in str(found)


@pytest.mark.parametrize(
    ("count", "replaced", "present", "limits", "refused"),
    [
        pytest.param(5, 0, 1000, Limits(), False, id="no limit"),
        pytest.param(5, 0, 1000, Limits(max_deletes=5), False, id="as many as allowed"),
        pytest.param(6, 0, 1000, Limits(max_deletes=5), True, id="one too many"),
        pytest.param(1, 0, 1, Limits(max_deletes=0), True, id="none allowed"),
        pytest.param(0, 50, 1000, Limits(max_deletes=5), False, id="replaced ones are free"),
        pytest.param(500, 0, 1000, Limits(max_deletes_share=0.5), False, id="half"),
        pytest.param(501, 0, 1000, Limits(max_deletes_share=0.5), True, id="more than half"),
        pytest.param(9, 0, 9, Limits(max_deletes_share=0.5), False, id="all of nine"),
        pytest.param(5, 0, 10, Limits(max_deletes_share=0.5), False, id="half of ten"),
        pytest.param(6, 0, 10, Limits(max_deletes_share=0.5), True, id="more than half of ten"),
        pytest.param(10, 0, 10, Limits(max_deletes_share=1.0), False, id="all, as allowed"),
        pytest.param(9, 1, 10, Limits(max_deletes_share=0.5), True, id="all but a replaced one"),
    ],
)
def test_deletions(count: int, replaced: int, present: int, limits: Limits, refused: bool) -> None:
    deletions = [action(ActionKind.DELETE)] * count
    deletions += [action(ActionKind.DELETE, replaced=True)] * replaced
    found = check_deletions(deletions, present, limits)
    assert isinstance(found, TooManyDeletions) is refused


@pytest.mark.parametrize("present", [0, 99, 101, 150, 999, 1000, 1001, 20_000])
@pytest.mark.parametrize("share", [None, 0.0, 0.01, 0.07, 0.5, 1.0])
def test_the_guard_says_the_same_of_files_that_were_counted_as_far_as_needed(
    present: int, share: float | None
) -> None:
    for bare in (0, 1, 2, 7, 10, 70, 75, 500, 501):
        deletions = [action(ActionKind.DELETE)] * bare
        limits = Limits(max_deletes=3 if share is None else None, max_deletes_share=share)
        needed = count_needed(deletions, limits)
        counted = present if needed is None else min(present, needed)
        found = check_deletions(deletions, counted, limits)
        assert str(found) == str(check_deletions(deletions, present, limits))


def test_few_deletions_from_millions_of_files_are_allowed_without_counting_them() -> None:
    deletions = [action(ActionKind.DELETE)] * 20
    assert count_needed(deletions, Limits(max_deletes_share=0.5)) == 41
    assert count_needed(deletions, Limits(max_deletes_share=0.01)) == 2001


def test_refused_deletions_say_how_to_allow_them() -> None:
    found = check_deletions([action(ActionKind.DELETE)] * 7, 500, Limits(max_deletes_share=0.01))
    assert "7 files would be deleted" in str(found)
    assert "allows 1% of 500" in str(found)
    assert "--max-deletes 7" in str(found)


# --- inodes -------------------------------------------------------------------------------------------


def test_inodes() -> None:
    def download(filename: str, project: str) -> Action:
        return Action(ActionKind.DOWNLOAD, filename, project, Cause.SELECTED)

    plan = [
        download("a-1-py3-none-any.whl", "a"),
        download("a-1.zip", "a"),
        Action(ActionKind.DELETE, "b-1.zip", "b", Cause.UNWANTED),
    ]
    assert inodes_needed(plan, with_pages=False) == 2
    assert inodes_needed(plan, with_pages=True) == 2 + 1 + 6
    assert check_inodes(5, 5) is None
    assert check_inodes(5, None) is None
    refused = check_inodes(6, 5)
    assert isinstance(refused, NoSpace)
    assert "df -i" in str(refused)
