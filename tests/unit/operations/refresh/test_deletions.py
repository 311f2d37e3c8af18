"""Which deletions of a plan stay, and what becomes of the files."""

from __future__ import annotations

import pytest

from microrepo.config.schema import Config
from microrepo.model import Action, ActionKind, Cause, Decision, Digests, File, NormalizedName
from microrepo.model import Project as ProjectRecord
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.pages.publishing import RepositoryPages
from microrepo.operations.refresh.deletions import (
    delete_files,
    deletions_of_projects,
    refused_deletions,
    with_causes,
    with_quarantine,
    without_doubtful_deletions,
    without_needed,
)
from microrepo.operations.refresh.project_decisions import Looked
from microrepo.operations.refresh.upstream.project_record import Record
from microrepo.state import FileRow, Owner, ProjectRow, deletion_of

FOO = NormalizedName("foo")


def row(name: str = "foo-1.zip", owner: Owner = Owner.SOURCE, *, present: bool = True) -> FileRow:
    project = NormalizedName(name.partition("-")[0])
    return FileRow(name, project, "1", "u", 4, Digests("a" * 64), present, owner=owner)


def deletion(name: str = "foo-1.zip", cause: Cause = Cause.SUPERSEDED) -> Action:
    return deletion_of(row(name), cause)


def looked(*decisions: Decision, **project: object) -> Looked:
    record = ProjectRecord(FOO, "Foo", **project)  # type: ignore[arg-type]
    return Looked(Record(record, ProjectRow(FOO, "Foo"), None, None), decisions)


def skipped(name: str, cause: Cause) -> Decision:
    return Decision(File(name, "u", "1", "sdist"), False, cause)


def add(holdings: Holdings, *rows: FileRow) -> None:
    for one in rows:
        if one.present:
            holdings.directory.file(one.filename).write_bytes(b"four")
    with holdings.state.transaction():
        holdings.state.save_projects(ProjectRow(one.project, one.project) for one in rows)
        holdings.state.save_files(rows)


def test_a_deletion_names_the_rule_that_the_file_fails() -> None:
    plan = [deletion("foo-1.zip"), deletion("foo-2.zip")]
    found = with_causes(plan, [looked(skipped("foo-1.zip", Cause.YANKED))])
    assert [action.cause for action in found] == [Cause.YANKED, Cause.SUPERSEDED]


def test_what_an_unmet_goal_needs_stays_unless_it_is_quarantined() -> None:
    plan = [
        deletion("foo-1.zip"),
        deletion("foo-2.zip", Cause.QUARANTINED),
        deletion("foo-3.zip"),
        Action(ActionKind.KEEP, "foo-4.zip", FOO, Cause.SELECTED),
    ]
    needed = {"foo-1.zip", "foo-2.zip", "foo-4.zip"}
    found = without_needed(plan, needed)
    assert [action.filename for action in found] == ["foo-2.zip", "foo-3.zip", "foo-4.zip"]


def test_a_record_that_was_read_in_part_deletes_nothing() -> None:
    plan = [deletion("foo-1.zip"), deletion("bar-1.zip")]
    found = without_doubtful_deletions(plan, [looked(rejected=("an entry without a name",))])
    assert [action.filename for action in found] == ["bar-1.zip"]
    assert without_doubtful_deletions(plan, [looked()]) == tuple(plan)


@pytest.mark.parametrize(
    ("status", "removed", "cause"),
    [
        ("active", "delete", Cause.EMPTIED),
        ("quarantined", "delete", Cause.QUARANTINED),
        ("quarantined", "quarantine", Cause.QUARANTINED),
        ("active", "keep", None),
        ("quarantined", "keep", None),
    ],
)
def test_removed_decides_on_projects_without_files(
    status: str, removed: str, cause: Cause | None
) -> None:
    files = [row("foo-1.zip"), row("foo-2.zip", Owner.PERSON), row("bar-1.zip")]
    found = with_quarantine((deletion("foo-1.zip"),), [looked(status=status)], files, removed)
    assert [(a.filename, a.cause) for a in found] == ([("foo-1.zip", cause)] if cause else [])


def test_a_project_with_files_is_not_emptied() -> None:
    plan = (deletion("foo-1.zip"),)
    one = looked(skipped("foo-1.zip", Cause.YANKED), files=(File("foo-1.zip", "u", "1", "sdist"),))
    assert with_quarantine(plan, [one], [row()], "delete") == plan


@pytest.mark.parametrize("dry_run", [False, True])
def test_projects_without_files_are_forgotten(holdings: Holdings, dry_run: bool) -> None:
    add(
        holdings,
        row("foo-1.zip"),
        row("own-1.zip", Owner.PERSON),
        row("listed-1.zip", present=False),
    )
    names = [NormalizedName(name) for name in ("foo", "own", "listed")]
    found = deletions_of_projects(holdings, names, Cause.REMOVED, dry_run=dry_run)
    assert [(action.filename, action.cause) for action in found] == [("foo-1.zip", Cause.REMOVED)]
    known = {known[0] for known in holdings.state.iter_known()}
    assert known == ({"foo", "own", "listed"} if dry_run else {"foo"})


def test_the_guard_counts_held_files(holdings: Holdings) -> None:
    add(holdings, *(row(f"foo-{number}.zip") for number in range(3)))
    plan = [deletion(f"foo-{number}.zip", Cause.REMOVED) for number in range(3)]
    assert refused_deletions(Config(max_deletes=3), holdings, plan) is None
    assert refused_deletions(Config(max_deletes=2), holdings, plan) is not None


@pytest.mark.parametrize(
    ("removed", "cause", "aside"),
    [
        ("quarantine", Cause.REMOVED, True),
        ("quarantine", Cause.SUPERSEDED, False),
        ("delete", Cause.REMOVED, False),
    ],
)
def test_files_go_with_their_rows(
    holdings: Holdings, work: WorkContext, removed: str, cause: Cause, aside: bool
) -> None:
    add(holdings, row("foo-1.zip"), row("foo-2.zip"))
    config = Config(removed=removed)  # type: ignore[arg-type]
    pages = RepositoryPages(config, holdings, work)
    delete_files(pages, [deletion("foo-1.zip", cause)])
    assert not holdings.directory.file("foo-1.zip").exists()
    assert holdings.directory.file("foo-2.zip").exists()
    assert [found.filename for found in holdings.state.files([FOO])] == ["foo-2.zip"]
    kept = [path for path in holdings.directory.control.rglob("foo-1.zip") if path.is_file()]
    assert bool(kept) is aside
    (entry,) = holdings.state.history("foo")
    assert (entry.action, entry.cause) == ("quarantine" if aside else "delete", cause)
    assert entry.sha256 == "a" * 64
    assert (work.report.deleted, work.report.deleted_bytes) == (1, 4)


def test_an_ended_project_is_forgotten(holdings: Holdings, work: WorkContext) -> None:
    add(holdings, row("foo-1.zip"), row("bar-1.zip"))
    plan = [deletion("foo-1.zip", Cause.REMOVED), deletion("bar-1.zip", Cause.SUPERSEDED)]
    delete_files(RepositoryPages(Config(), holdings, work), plan)
    assert [known[0] for known in holdings.state.iter_known()] == ["bar"]
