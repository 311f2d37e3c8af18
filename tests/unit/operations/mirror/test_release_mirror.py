"""One release to its destination: whole, or with a reason why not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.errors import Cancelled
from microrepo.operations.mirror.mirror_records import ReleaseReport
from microrepo.operations.mirror.release_metadata import read_marks
from microrepo.operations.mirror.release_mirror import mirror_release
from microrepo.repositories.reading import open_for_reading
from tests.support.packages import build_sdist, build_wheel
from tests.unit.operations.conftest import MakeChannel
from tests.unit.operations.mirror.conftest import MakeShared, release

WHEEL, SDIST = build_wheel("foo", "1.0"), build_sdist("foo", "1.0")


@pytest.fixture(autouse=True)
def files(source: Path) -> None:
    for built in (WHEEL, SDIST, build_wheel("foo", "2.0")):
        built.write_to(source)


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir() if not path.name.startswith(".")}


def run(open_near: MakeChannel, shared: MakeShared, **order: object) -> ReleaseReport:
    wanted = release("foo", str(order.pop("version", "1.0")))
    return mirror_release(open_near(), wanted, shared(version=wanted.version, **order))


def test_a_whole_release(open_near: MakeChannel, shared: MakeShared, target: Path) -> None:
    report = run(open_near, shared)
    assert (report.status, report.files, report.copied, report.already) == ("copied", 2, 2, 0)
    assert names(target) == {WHEEL.filename, SDIST.filename}
    again = run(open_near, shared)
    assert (again.status, again.copied, again.already) == ("present", 0, 2)


@pytest.mark.parametrize("has_pages", [False, True])
def test_what_was_read_is_recorded(
    open_near: MakeChannel, shared: MakeShared, target: Path, has_pages: bool
) -> None:
    if has_pages:
        (target / "simple").mkdir()
    run(open_near, shared, tags=has_pages)
    with open_for_reading(target) as state:
        rows = {row.filename: row.digests.sha256 for row in state.files()}
    assert rows == {WHEEL.filename: WHEEL.sha256, SDIST.filename: SDIST.sha256}
    assert (target / "simple").exists() is has_pages


def test_other_content_refuses_all_of_it(
    open_near: MakeChannel, shared: MakeShared, target: Path
) -> None:
    (target / WHEEL.filename).write_bytes(b"another")
    report = run(open_near, shared)
    assert report.status == "refused"
    assert WHEEL.filename in report.words
    assert names(target) == {WHEEL.filename}


@pytest.mark.parametrize("version", ["9.0", "0"])
def test_a_release_that_there_is_not(
    open_near: MakeChannel, shared: MakeShared, target: Path, version: str
) -> None:
    assert run(open_near, shared, version=version).status == "refused"
    assert names(target) == set()


def test_a_project_that_there_is_not(open_near: MakeChannel, shared: MakeShared) -> None:
    report = mirror_release(open_near(), release("nothing", "1.0"), shared("nothing"))
    assert report.status == "refused"


def test_a_file_that_is_not_what_is_said_of_it(
    open_near: MakeChannel, shared: MakeShared, source: Path, target: Path
) -> None:
    (source / f"{WHEEL.filename}.hash").write_text(f"sha256={'0' * 64}")
    report = run(open_near, shared)
    assert report.status == "failed"
    assert WHEEL.filename not in names(target)


def test_a_dry_run_only_plans(open_near: MakeChannel, shared: MakeShared, target: Path) -> None:
    report = run(open_near, shared, dry_run=True)
    assert (report.status, report.copied, len(report.plan)) == ("planned", 2, 2)
    assert names(target) == set()


def test_tags_are_recorded_and_shown(
    open_near: MakeChannel, shared: MakeShared, target: Path
) -> None:
    report = run(open_near, shared, tags=True, label="tested")
    assert ["tested" in text for text in report.marks] == [True]
    marks = read_marks(target, "foo", "1.0")
    assert marks is not None
    assert (marks.label, len(marks.files)) == ("tested", 2)
    assert WHEEL.filename in (target / "simple/foo/index.html").read_text()


def test_it_can_be_cancelled(open_near: MakeChannel, shared: MakeShared, target: Path) -> None:
    order = shared()
    order.cancel.set()
    with pytest.raises(Cancelled):
        mirror_release(open_near(), release("foo", "1.0"), order)
    assert names(target) == set()


def test_a_template_that_there_is_not_is_refused(
    open_near: MakeChannel, shared: MakeShared
) -> None:
    report = mirror_release(open_near(), release("foo", "1.0"), shared(template_version="0.1"))
    assert report.status == "refused"
    other = msgspec.structs.replace(release("bar", "1.0"))
    assert mirror_release(open_near(), other, shared(template_version="0.1")).status == "refused"
