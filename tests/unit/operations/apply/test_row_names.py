"""Rows of the state whose project or version was damaged into another that looks right."""

from __future__ import annotations

import msgspec
import pytest

from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.operations.apply import row_names
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.apply.row_names import mend_names
from microrepo.state import FileRow
from microrepo.state.rows import pack

NAMES = {
    "foo_bar-1.5-py3-none-any.whl": ("foo-bar", "1.5"),
    "Foo.Bar-1.5-2-cp311-cp311-win32.whl": ("foo-bar", "1.5"),
    "foo-bar-1.5.tar.gz": ("foo-bar", "1.5"),
    "foo-1.0.zip": ("foo", "1.0"),
    "foo-1.0-py2.7.egg": ("foo", "1.0"),
    "foo-2.0.tar.bz2": ("foo", "2.0"),
}


def row(filename: str, project: str, version: str) -> FileRow:
    return FileRow(
        filename, NormalizedName(project), version, "", 1, Digests("0" * 64), present=True
    )


def save(holdings: Holdings, *rows: FileRow) -> None:
    with holdings.state.transaction():
        holdings.state.save_files(rows)


def test_sound_rows_stay(holdings: Holdings) -> None:
    save(holdings, *(row(name, *about) for name, about in NAMES.items()))
    save(holdings, row("foo-1.0.0.tar.gz", "foo", "1"))
    assert mend_names(holdings.state) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", [("bar", "1.5"), ("foo", "7"), ("foo-bar", "15"), ("", "")])
def test_other_projects_and_versions_are_corrected(
    holdings: Holdings, name: str, damage: tuple[str, str]
) -> None:
    save(holdings, row(name, *damage))
    mend_names(holdings.state)
    (found,) = holdings.state.files()
    assert (found.project, found.version) == NAMES[name]
    assert mend_names(holdings.state) == []


def test_the_record_of_the_project_decides_about_a_version(holdings: Holdings) -> None:
    name = "foo-1.0.tar.gz"
    record = Project(NormalizedName("foo"), "foo", files=(File(name, "", "1.0.1", "sdist"),))
    with holdings.state.transaction():
        holdings.state.save_documents([("foo", pack(record))])
    save(holdings, row(name, "foo", "1.0.1"))
    assert mend_names(holdings.state) == []
    save(holdings, row(name, "foo", "3"))
    (found,) = mend_names(holdings.state)
    assert found.version == "1.0.1"


def test_a_large_repository_is_checked_in_parts(
    holdings: Holdings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_names, "_SHARE", 2)
    sound = [row(name, *about) for name, about in NAMES.items()]
    save(holdings, *(msgspec.structs.replace(one, project=NormalizedName("bar")) for one in sound))
    mended = [len(mend_names(holdings.state)) for _ in range(4)]
    assert mended == [2, 2, 2, 0]
