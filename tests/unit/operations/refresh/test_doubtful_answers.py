"""Which answers of a source are not believed, and what counts instead."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.model import File, NormalizedName, Project
from microrepo.operations.refresh.upstream.doubtful_answers import Doubt, doubt_of
from microrepo.state import ProjectRow

FOO = NormalizedName("foo")
NOW = "2026-06-02T12:00:00.000000Z"
ROW = ProjectRow(FOO, "Foo", 5, page_time="2026-06-01T00:00:00.000000Z")


def project(*versions: str, serial: int | None = 5, status: str = "active") -> Project:
    files = tuple(File(f"foo-{v}.zip", "u", v, "sdist") for v in versions)
    return Project(FOO, "Foo", serial, status, files=files, versions=versions)


def doubt(
    answer: Project,
    known: Project,
    held: tuple[str, ...] = ("foo-1.zip",),
    row: ProjectRow = ROW,
    time: str | None = None,
) -> Doubt | None:
    return doubt_of(answer, time, known, row, held, NOW)


FULL = project("1", "2", "3")


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        pytest.param(project(), project("1"), id="emptied"),
        pytest.param(project(serial=6), FULL, id="emptied, with a new serial"),
        pytest.param(project("3"), FULL, id="less than half is left"),
        pytest.param(project("4"), FULL, id="less than half, and new"),
        pytest.param(project("1", "2", "3", serial=4), FULL, id="older, same files"),
        pytest.param(project("1", "2", "3", "4", serial=4), FULL, id="older, more files"),
        pytest.param(project("2", "3", serial=1), FULL, id="older, one file less"),
    ],
)
def test_not_believed(answer: Project, known: Project) -> None:
    found = doubt(answer, known)
    assert found is not None
    names = {file.filename for file in found.project.files}
    assert {file.filename for file in known.files} <= names
    assert (found.since, "--force-check" in found.why) == (NOW, True)


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        pytest.param(FULL, FULL, id="the same"),
        pytest.param(project("2", "3"), FULL, id="one file less"),
        pytest.param(project("1"), project("1", "2"), id="half"),
        pytest.param(project("2"), project("1"), id="another file in its stead"),
        pytest.param(project(status="quarantined"), FULL, id="held back"),
        pytest.param(project("1", "2", "3", serial=None), FULL, id="without a serial"),
        pytest.param(project(), project(), id="empty before"),
    ],
)
def test_believed(answer: Project, known: Project) -> None:
    assert doubt(answer, known) is None


def test_what_is_new_in_a_short_list_counts_at_once() -> None:
    found = doubt(project("4", serial=6), FULL)
    assert found is not None
    assert [file.version for file in found.project.files] == ["4", "1", "2", "3"]
    assert found.project.versions == ("4", "1", "2", "3")


def test_a_short_list_is_believed_where_nothing_is_held_of_it() -> None:
    assert doubt(project("3"), FULL, held=("foo-3.zip",)) is None
    assert doubt(project(), FULL, held=()) is None


@pytest.mark.parametrize(
    ("since", "believed"),
    [("2026-06-01T12:00:00.000000Z", True), ("2026-06-01T12:00:01.000000Z", False)],
)
def test_a_short_list_is_believed_after_a_day(since: str, believed: bool) -> None:
    found = doubt(project(), FULL, row=msgspec.structs.replace(ROW, doubted_at=since))
    assert (found is None) is believed
    assert found is None or found.since == since


@pytest.mark.parametrize(
    ("time", "believed"),
    [
        ("2026-05-31T23:59:59.000000Z", False),
        ("2026-06-01T00:00:00.000000Z", True),
        ("2026-06-01T00:00:01.000000Z", True),
        (None, True),
    ],
)
def test_a_page_made_earlier_is_not_believed(time: str | None, believed: bool) -> None:
    found = doubt(project("1", "2", "3", "4"), FULL, time=time)
    assert (found is None) is believed
    assert found is None or found.project == FULL
