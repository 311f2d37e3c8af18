"""Differences between what is there and a target, and what follows from them."""

from __future__ import annotations

import hashlib

from microrepo.model import Digests, File, NormalizedName
from microrepo.operations.switch.switch_plan import (
    SwitchKind,
    SwitchPlan,
    decode_plan,
    encode_plan,
    find_difference,
    plan_changes,
)
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.state import FileRow, Owner
from microrepo.state.file_rows import unrecorded_row
from microrepo.stores.flat_directory import OnDisk


def file(name: str, content: str = "a", **facts: str | bool) -> ManifestFile:
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    return ManifestFile("six", name, "1", len(content), sha256, **facts)  # type: ignore[arg-type]


SIX = ManifestProject("six", "six")
A, B = file("six-1.tar.gz"), file("six-2.tar.gz", "b")
NAME = NormalizedName("six")


def row(entry: ManifestFile) -> FileRow:
    return FileRow(entry.filename, NAME, "1", "", 1, Digests(sha256=entry.sha256), present=True)


def test_equal_manifests_need_nothing() -> None:
    found = find_difference([SIX, A], [SIX, A], None)
    assert (found.needed, found.surplus, found.projects) == ((), {}, frozenset())
    assert found.listed == {A.filename}


def test_new_other_and_surplus_files() -> None:
    other = file(A.filename, "other")
    found = find_difference([SIX, A], [SIX, other, B], None)
    assert found.needed == (other, B)
    assert find_difference([SIX, A, B], [SIX, A], None).surplus == {B.filename: "six"}


def test_facts_that_count() -> None:
    assert find_difference([SIX, A], [SIX, A._replace(yanked=True)], None).projects == {"six"}
    assert find_difference([SIX, A], [SIX._replace(status="archived"), A], None).projects == {"six"}


def test_facts_that_do_not_count() -> None:
    """Metadata is made from the wheel; what a user put there stays theirs."""
    with_metadata = A._replace(metadata_sha256="0" * 64)
    assert not find_difference([SIX, A], [SIX, with_metadata], None).projects
    assert not find_difference([SIX, A._replace(owner="person")], [SIX, A], None).projects
    assert find_difference([SIX, A], [SIX, A], Owner.PERSON).projects == {"six"}


def test_what_may_be_deleted_and_what_is_put_aside() -> None:
    own = unrecorded_row(File(B.filename, "", "2", "sdist"), NAME, 0)
    disk = {A.filename: OnDisk(1, 2), B.filename: OnDisk(3, 4)}
    needed = find_difference([SIX], [SIX, file(A.filename, "new"), file(B.filename, "new")], None)
    placed, _ = plan_changes(
        needed, {A.filename: row(A), B.filename: own}, disk, lambda row: row.is_ours
    )
    assert [(one.aside, one.replaces) for one in placed] == [
        (False, OnDisk(1, 2)),
        (True, OnDisk(3, 4)),
    ]
    surplus = find_difference([SIX, A, B], [SIX], None)
    _, leaving = plan_changes(
        surplus, {A.filename: row(A), B.filename: own}, disk, lambda row: row.is_ours
    )
    assert [(one.filename, one.disk) for one in leaving] == [(A.filename, OnDisk(1, 2))]


def test_a_plan_survives_being_written() -> None:
    found = find_difference(
        [SIX], [SIX, file(A.filename, upload_time="2024-01-02T03:04:05Z")], None
    )
    placed, leaving = plan_changes(found, {}, {A.filename: OnDisk(1, 2)}, lambda _: True)
    assert placed[0].upload_ns == 1_704_164_645_000_000_000
    plan = SwitchPlan(
        "t", SwitchKind.IMPORT, "id", "name", Owner.PERSON, placed, leaving, meta={"a": None}
    )
    assert decode_plan(encode_plan(plan)) == plan
