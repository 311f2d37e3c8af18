"""Plans for targets: what has to change, for every kind of file that can be there."""

from __future__ import annotations

import msgspec

from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.switch.switch_target import plan_switch
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf
from tests.unit.operations.switch.conftest import Keep, target_of

APP, NEW, OWN = build_wheel("app", "1"), build_wheel("app", "2"), build_wheel("own", "1")


def test_every_row_that_the_target_does_not_list_goes(
    shelf: Shelf, keep: Keep, holdings: Holdings, work: WorkContext
) -> None:
    """Also of files that are damaged, missing, or were about to be downloaded."""
    shelf.hold(APP)
    keep("one")
    shelf.hold(NEW)
    (shelf.path / NEW.filename).write_bytes(b"damaged")
    lost = shelf.hold(build_wheel("app", "3"))
    (shelf.path / lost.filename).unlink()
    row = shelf.state.files_named([APP.filename])[APP.filename]
    shelf.save([msgspec.structs.replace(row, filename="app-4.tar.gz", present=False)])
    plan = plan_switch(holdings, work, target_of(shelf, "one"), writes=False)
    assert plan.placed == ()
    assert {one.filename: one.disk is not None for one in plan.leaving} == {
        NEW.filename: True,
        lost.filename: False,
        "app-4.tar.gz": False,
    }


def test_a_damaged_file_of_the_target_is_replaced(
    shelf: Shelf, keep: Keep, holdings: Holdings, work: WorkContext
) -> None:
    shelf.hold(APP)
    keep("one")
    (shelf.path / APP.filename).unlink()
    (shelf.path / APP.filename).write_bytes(b"damaged")
    (placed,) = plan_switch(holdings, work, target_of(shelf, "one"), writes=False).placed
    assert (placed.filename, placed.aside) == (APP.filename, False)
    assert placed.replaces == shelf.directory.stat(APP.filename)


def test_what_users_put_there_is_not_deletable(
    shelf: Shelf, keep: Keep, holdings: Holdings, work: WorkContext
) -> None:
    shelf.hold(APP)
    keep("one")
    (shelf.path / OWN.filename).write_bytes(OWN.content)
    plan = plan_switch(holdings, work, target_of(shelf, "one"), writes=False)
    assert (plan.placed, plan.leaving) == ((), ())
