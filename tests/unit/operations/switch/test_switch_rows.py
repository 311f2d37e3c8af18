"""Rows that a switch writes: records for the next refresh, and owners that protect files."""

from __future__ import annotations

from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.switch.switch_plan import PlacedFile, SwitchKind, SwitchPlan
from microrepo.operations.switch.switch_rows import (
    ListedProject,
    SwitchRows,
    owner_of,
    record_of,
    row_of,
)
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject
from microrepo.state import Owner, ProjectRow
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

APP = build_wheel("app", "1")
NAME = NormalizedName("app")
PROJECT = ManifestProject("app", "App", 7, "archived", "old")
FILE = ManifestFile(
    *("app", APP.filename, "1", APP.size, APP.sha256, "2024-01-02T03:04:05.000000Z", ">=3.9", "bad")
)
LISTED = ListedProject(PROJECT, (FILE,))


def test_the_record_has_the_facts_of_the_manifest() -> None:
    record = record_of(LISTED, None)
    assert (record.display_name, record.serial, record.status) == ("App", 7, "archived")
    (file,) = record.files
    assert (file.yanked, file.yanked_reason, file.requires_python) == (True, "bad", ">=3.9")
    assert (file.package_type, file.digests.sha256) == ("bdist_wheel", APP.sha256)


def test_what_a_manifest_does_not_say_stays() -> None:
    known = File(APP.filename, "https://files.example/x", "1", "bdist_wheel",
                 Digests(APP.sha256, md5=APP.md5))  # fmt: skip
    newer = File("app-2-py3-none-any.whl", "", "2", "bdist_wheel")
    record = record_of(LISTED, Project(NAME, "app", 9, files=(known, newer), versions=("1", "2")))
    (file,) = record.files
    assert (file.url, file.digests.md5) == (known.url, APP.md5)
    assert record.versions == ("1",)


def test_facts_about_another_content_are_not_used() -> None:
    other = File(APP.filename, "https://files.example/x", "1", "bdist_wheel", Digests("0" * 64))
    (file,) = record_of(LISTED, Project(NAME, "app", files=(other,))).files
    assert file.url == ""


def test_the_next_refresh_asks() -> None:
    known = ProjectRow(NAME, "app", 9, "etag", complete=True, source="PyPI", page_time="2024")
    row = row_of(PROJECT, known)
    assert (row.serial, row.etag, row.complete) == (None, None, False)
    assert (row.source, row.page_time, row.status) == ("PyPI", "2024", "archived")


def test_owners() -> None:
    assert owner_of(FILE) is Owner.SOURCE
    assert owner_of(FILE._replace(owner="mirror")) is Owner.MIRROR
    assert owner_of(FILE._replace(owner="of a newer microrepo")) is Owner.PERSON


def test_a_switch_is_recorded_once(shelf: Shelf, holdings: Holdings) -> None:
    objects = shelf.directory.control
    (objects / APP.sha256).write_bytes(APP.content)
    placed = PlacedFile(APP.filename, "app", APP.sha256, APP.size)
    plan = SwitchPlan(
        *("token", SwitchKind.IMPORT, "", "monthly", Owner.PERSON, (placed,)),
        projects=("app",),
        meta={"pinned": "monthly"},
    )
    rows = SwitchRows(holdings, objects, plan, shelf.state.start_run("now"))
    for _ in range(2):
        rows.record([PROJECT, FILE._replace(owner="person")])
    assert len(shelf.state.history()) == 1
    row = shelf.state.files_named([APP.filename])[APP.filename]
    assert (row.owner, row.mtime_ns) == (
        Owner.PERSON,
        (objects / APP.sha256).stat().st_mtime_ns,
    )
    (found,) = shelf.state.publication.found(["app"])
    assert found.file.yanked_reason == "bad"
    assert shelf.state.meta("pinned") == "monthly"
    assert shelf.state.publication.pending("", 9) == ["app"]


def test_a_file_that_was_there_already_stays_its_owners(shelf: Shelf, holdings: Holdings) -> None:
    (shelf.path / APP.filename).write_bytes(APP.content)
    plan = SwitchPlan("token", SwitchKind.RESTORE, "", "monthly", projects=("app",))
    SwitchRows(holdings, shelf.path, plan, 1).record([PROJECT, FILE])
    assert shelf.state.files_named([APP.filename])[APP.filename].owner is Owner.PERSON
