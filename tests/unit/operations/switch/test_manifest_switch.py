"""The switch as a whole: what readers, the state and users find afterwards."""

from __future__ import annotations

import os

import pytest

from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.model import Cause
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.switch.manifest_switch import ManifestSwitch
from microrepo.publish.links import Links
from microrepo.state import Owner
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf
from tests.unit.operations.switch.conftest import Keep, Switch, target_of, wheels

OLD, NEW = build_wheel("app", "1.0"), build_wheel("app", "2.0")
LIB, OTHER = build_wheel("Lib.X", "1.0"), build_wheel("other", "1.0")
REBUILT = build_wheel("app", "1.0", payload_size=500)


def test_files_pages_and_records_go_back(shelf: Shelf, keep: Keep, switch: Switch) -> None:
    shelf.hold(OLD, serial=3, yanked=True, yanked_reason="bad")
    shelf.hold(LIB)
    shelf.publish()
    before = keep("before")
    shelf.drop(OLD.filename, LIB.filename)
    shelf.hold(NEW, serial=9)
    shelf.hold(OTHER)
    shelf.publish()
    assert keep("after") != before
    plan = switch("before")
    assert wheels(shelf) == [OLD.filename, LIB.filename]
    assert {file.filename for file in plan.leaving} == {NEW.filename, OTHER.filename}
    assert shelf.root().projects.keys() == {"app", "Lib.X"}
    (file,) = shelf.page("app").files
    assert (file.filename, file.yanked_reason) == (OLD.filename, "bad")
    assert not (shelf.path / "simple/other").exists()
    assert keep("again") == before
    rows = shelf.state.files_named([OLD.filename, NEW.filename])
    assert list(rows) == [OLD.filename]
    assert (rows[OLD.filename].owner, rows[OLD.filename].cause) == (Owner.SOURCE, Cause.RESTORED)
    # The next refresh asks about what changed, whatever its serial.
    assert not shelf.state.projects(["app"])["app"].complete
    assert shelf.state.projects(["app"])["app"].serial is None
    assert "other" not in shelf.state.projects()
    changes = {(row.filename, row.action, row.cause) for row in shelf.state.history()}
    assert changes == {
        (OLD.filename, "add", Cause.RESTORED),
        (LIB.filename, "add", Cause.RESTORED),
        (NEW.filename, "delete", Cause.NOT_IN_SNAPSHOT),
        (OTHER.filename, "delete", Cause.NOT_IN_SNAPSHOT),
    }
    assert not (shelf.directory.control / "switch.json").exists()
    assert list((shelf.directory.control / "staging").rglob("*")) == [
        shelf.directory.control / "staging/objects"
    ]
    assert switch("before").projects == ()


def test_serials_of_pages_grow(shelf: Shelf, keep: Keep, switch: Switch) -> None:
    """Mirrors of this repository look at a project again only then."""
    shelf.hold(OLD)
    shelf.publish()
    keep("before")
    shelf.hold(NEW)
    shelf.publish()
    later = shelf.root().projects["app"]
    switch("before")
    assert later is not None
    assert (shelf.root().projects["app"] or 0) > later


def test_facts_alone(shelf: Shelf, keep: Keep, switch: Switch) -> None:
    shelf.hold(OLD)
    shelf.publish()
    keep("before")
    shelf.hold(OLD, yanked=True)
    shelf.publish()
    assert shelf.page("app").files[0].yanked
    plan = switch("before")
    assert (plan.placed, plan.leaving, plan.projects) == ((), (), ("app",))
    assert not shelf.page("app").files[0].yanked


def test_another_content_under_the_same_name(shelf: Shelf, keep: Keep, switch: Switch) -> None:
    shelf.hold(OLD)
    shelf.publish()
    keep("before")
    (shelf.path / OLD.filename).unlink()  # a link to the content of the snapshot
    shelf.hold(REBUILT)
    shelf.publish()
    switch("before")
    assert (shelf.path / OLD.filename).read_bytes() == OLD.content
    assert shelf.page("app").files[0].digests.sha256 == OLD.sha256
    assert not (shelf.directory.control / "quarantine").exists()


def test_files_that_users_put_there_stay(shelf: Shelf, keep: Keep, switch: Switch) -> None:
    shelf.hold(OLD)
    shelf.publish()
    keep("before")
    shelf.drop(OLD.filename)
    for one in (OTHER, REBUILT):
        (shelf.path / one.filename).write_bytes(one.content)
    (shelf.path / "notes.txt").write_text("mine")
    switch("before")
    assert wheels(shelf) == [OLD.filename, OTHER.filename]
    assert (shelf.path / OLD.filename).read_bytes() == OLD.content
    assert (shelf.path / "notes.txt").read_text() == "mine"
    aside = shelf.directory.control / "quarantine/app" / REBUILT.filename
    assert aside.read_bytes() == REBUILT.content


def test_a_damaged_content_is_named_and_nothing_changes(
    shelf: Shelf, keep: Keep, switch: Switch, work: WorkContext
) -> None:
    shelf.hold(OLD)
    shelf.hold(LIB)
    shelf.publish()
    keep("before")
    with (shelf.path / OLD.filename).open("r+b") as stream:  # the snapshot has the same inode
        stream.write(b"x")
    shelf.drop(OLD.filename, LIB.filename)
    shelf.hold(NEW)
    shelf.publish()
    shown = shelf.identities()
    switch("before")
    assert work.report.refused == "1 file is missing or damaged; nothing was changed"
    (failure,) = work.report.failed
    assert failure.what == OLD.filename
    assert failure.why.startswith("damaged: ")
    assert shelf.identities() == shown
    assert not (shelf.directory.control / "switch.json").exists()


def test_an_owner_for_all_files(shelf: Shelf, keep: Keep, switch: Switch) -> None:
    shelf.hold(OLD, yanked=True)
    shelf.publish()
    keep("before")
    shelf.drop(OLD.filename)
    shelf.publish()
    switch("before", Owner.PERSON)
    assert shelf.state.files_named([OLD.filename])[OLD.filename].owner is Owner.PERSON
    assert shelf.page("app").files[0].yanked
    assert switch("before", Owner.PERSON).projects == ()


def test_a_switch_that_began_is_completed(
    shelf: Shelf, keep: Keep, switch: Switch, config: Config, holdings: Holdings, work: WorkContext
) -> None:
    shelf.hold(OLD)
    shelf.publish()
    before = keep("before")
    shelf.drop(OLD.filename)
    shelf.hold(NEW)
    shelf.publish()
    shelf.directory.partial.rmdir()
    with pytest.raises(RepositoryError, match="has begun; the next run completes it"):
        switch("before")
    assert (shelf.directory.control / "switch.json").exists()
    shelf.directory.partial.mkdir()
    assert ManifestSwitch(config, holdings, work).roll_forward()
    assert keep("again") == before
    assert [file.filename for file in shelf.page("app").files] == [OLD.filename]
    assert work.report.warnings == ["completed the restore of before, which a killed run had begun"]
    assert not ManifestSwitch(config, holdings, work).roll_forward()


def test_somebody_elses_file_is_not_deleted_in_the_end(
    shelf: Shelf, keep: Keep, switch: Switch, config: Config, holdings: Holdings, work: WorkContext
) -> None:
    """One that came under the name of a deleted file while a switch was interrupted."""
    shelf.hold(OLD)
    shelf.publish()
    keep("before")
    shelf.drop(OLD.filename)
    shelf.hold(NEW)
    shelf.publish()
    shelf.directory.partial.rmdir()
    with pytest.raises(RepositoryError):
        switch("before")
    shelf.directory.partial.mkdir()
    (shelf.path / NEW.filename).write_bytes(b"mine")
    ManifestSwitch(config, holdings, work).roll_forward()
    assert (shelf.path / NEW.filename).read_bytes() == b"mine"


def test_a_repository_without_pages_gets_none(
    shelf: Shelf, keep: Keep, holdings: Holdings, work: WorkContext, config: Config
) -> None:
    from msgspec.structs import replace

    shelf.hold(OLD)
    keep("before")
    shelf.drop(OLD.filename)
    plain = replace(config, simple=False, server=False)
    ManifestSwitch(plain, holdings, work).apply(target_of(shelf, "before"))
    assert wheels(shelf) == [OLD.filename]
    assert not (shelf.path / "simple").exists()
    assert os.listdir(shelf.path / ".microrepo/staging") == ["objects"]


def test_an_index_without_files_is_refused(
    shelf: Shelf, work: WorkContext, config: Config, keep: Keep
) -> None:
    shelf.hold(OLD)
    keep("before")
    index = Holdings(shelf.state, shelf.directory, Links(files=False))
    ManifestSwitch(config, index, work).apply(target_of(shelf, "before"))
    assert "index without files" in work.report.refused
