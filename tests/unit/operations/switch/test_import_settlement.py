"""Settlement: what another program imported gets its rows, once."""

from __future__ import annotations

from pathlib import Path

from microrepo.config.schema import Config
from microrepo.model import Cause
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.switch.import_settlement import (
    is_deletable,
    recorded_digests,
    settle_import,
)
from microrepo.state import Owner
from tests.support.bundles import Outside
from tests.support.importing import Inside
from tests.support.packages import build_wheel
from tests.support.shelf import Shelf

ONE, TWO = build_wheel("app", "1.0"), build_wheel("app", "2.0")


def settle(shelf: Shelf, holdings: Holdings, work: WorkContext, config: Config) -> bool:
    with shelf.state.transaction():
        work.report.run = shelf.state.start_run(work.now, "index")
    return settle_import(config, holdings, work)


def test_rows_come_and_go(
    shelf: Shelf, holdings: Holdings, work: WorkContext, config: Config, tmp_path: Path
) -> None:
    inside, outside = Inside(shelf.path), Outside()
    outside.put(ONE, yanked="bad")
    assert not settle(shelf, holdings, work, config)
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    assert settle(shelf, holdings, work, config)
    assert not settle(shelf, holdings, work, config)
    row = shelf.state.files_named([ONE.filename])[ONE.filename]
    assert (row.owner, row.cause, row.present) == (Owner.PERSON, Cause.IMPORTED, True)
    before = outside.snapshot()
    outside.remove(ONE.filename)
    outside.put(TWO)
    inside.ok(*outside.bundle(before).write(tmp_path / "1"))
    assert settle(shelf, holdings, work, config)
    assert list(shelf.state.files_named([ONE.filename, TWO.filename])) == [TWO.filename]
    assert not work.report.refused


def test_files_that_are_gone_by_then_are_left_out(
    shelf: Shelf, holdings: Holdings, work: WorkContext, config: Config, tmp_path: Path
) -> None:
    outside = Outside()
    outside.put(ONE, TWO)
    Inside(shelf.path).ok(*outside.bundle().write(tmp_path / "0"))
    (shelf.path / ONE.filename).unlink()
    (shelf.path / TWO.filename).write_bytes(b"damaged")
    assert settle(shelf, holdings, work, config)
    assert not work.report.refused
    assert not shelf.state.files_named([ONE.filename, TWO.filename])


def test_a_damaged_record_is_a_warning(
    shelf: Shelf, holdings: Holdings, work: WorkContext, config: Config, tmp_path: Path
) -> None:
    outside = Outside()
    outside.put(ONE)
    inside = Inside(shelf.path)
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    for name in ("current.jsonl", "current.json"):
        (shelf.path / ".microrepo/imports" / name).write_text("{")
        assert not settle(shelf, holdings, work, config)
        assert "the last import is not recorded" in work.report.warnings[-1], name


def test_only_what_an_import_has_put_there_is_deletable(shelf: Shelf, holdings: Holdings) -> None:
    shelf.hold(ONE)
    row = shelf.state.files_named([ONE.filename])[ONE.filename]
    assert not is_deletable(holdings, {})(row)
    assert not is_deletable(holdings, {ONE.filename: TWO.sha256})(row)
    assert is_deletable(holdings, {ONE.filename: ONE.sha256})(row)
    (shelf.path / ONE.filename).write_bytes(b"changed")
    assert not is_deletable(holdings, {ONE.filename: ONE.sha256})(row)


def test_a_digest_is_that_of_an_unchanged_file(shelf: Shelf) -> None:
    shelf.hold(ONE)
    outside = Outside()
    outside.put(ONE)
    entry = outside.entries()[1]
    path = shelf.path / ONE.filename
    digest = recorded_digests(shelf.state)
    assert digest(entry, path.stat()) == ONE.sha256  # type: ignore[arg-type]
    path.write_bytes(b"changed")
    assert digest(entry, path.stat()) == ""  # type: ignore[arg-type]
