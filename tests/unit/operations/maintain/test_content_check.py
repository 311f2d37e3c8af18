"""Content of files: by digest, or opened where there is none."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.model import Digests
from microrepo.operations.apply.work_context import WorkContext
from microrepo.operations.maintain.content_check import Checked, read_files
from microrepo.state import FileRow
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.shelf import Shelf

WHEEL, SDIST = build_wheel("app", "1.0"), build_sdist("app", "1.0")


@pytest.fixture
def rows(shelf: Shelf) -> dict[str, FileRow]:
    for built in (WHEEL, SDIST):
        shelf.hold(built)
    return shelf.state.files_named([WHEEL.filename, SDIST.filename])


def read(shelf: Shelf, work: WorkContext, row: FileRow) -> Checked:
    (checked,) = read_files(1, shelf.path, work, [row])
    return checked


def test_content_is_compared_with_the_digest(
    shelf: Shelf, work: WorkContext, rows: dict[str, FileRow]
) -> None:
    row = rows[WHEEL.filename]
    assert not read(shelf, work, row).problem
    wrong = msgspec.structs.replace(row, digests=Digests("0" * 64))
    assert "sha256" in read(shelf, work, wrong).problem


@pytest.mark.parametrize("built", [WHEEL, SDIST], ids=["wheel", "sdist"])
@pytest.mark.parametrize("kept", [0, 100])
def test_without_a_digest_a_file_must_open(
    shelf: Shelf, work: WorkContext, rows: dict[str, FileRow], built: BuiltFile, kept: int
) -> None:
    row = msgspec.structs.replace(rows[built.filename], digests=Digests())
    sound = read(shelf, work, row)
    assert (sound.problem, sound.row.digests.sha256) == ("", built.sha256)
    (shelf.path / built.filename).write_bytes(built.content[:kept])
    assert read(shelf, work, row).problem.startswith("damaged: ")
    (shelf.path / built.filename).unlink()
    assert read(shelf, work, row).problem.startswith("cannot be read: ")
