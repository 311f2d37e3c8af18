"""Names that a file system which ignores case takes for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.standalone.importer.case_twins import (
    case_twins,
    folded,
    ignores_case,
    renamed_files,
)
from microrepo.standalone.importer.manifest_entries import ManifestFile, ManifestProject


def entries(*names: str) -> list[ManifestProject | ManifestFile]:
    found: list[ManifestProject | ManifestFile] = []
    for project in sorted({name.lower().partition("-")[0] for name in names}):
        files = sorted(name for name in names if name.lower().startswith(f"{project}-"))
        found.append(ManifestProject(project, project))
        found += [ManifestFile(project, name, "1", 1, "0" * 64) for name in files]
    return found


@pytest.mark.parametrize(
    ("names", "twins"),
    [
        (["a-1.tar.gz", "b-1.tar.gz"], []),
        (["Foo-1.tar.gz", "foo-1.tar.gz"], [("Foo-1.tar.gz", "foo-1.tar.gz")]),
        (["Foo-1.tar.gz", "foo-2.tar.gz"], []),
        (
            ["FOO-1.tar.gz", "Foo-1.tar.gz", "bar-1.zip", "foo-1.tar.gz"],
            [("FOO-1.tar.gz", "Foo-1.tar.gz"), ("FOO-1.tar.gz", "foo-1.tar.gz")],
        ),
    ],
)
def test_twins(names: list[str], twins: list[tuple[str, str]]) -> None:
    assert list(case_twins(entries(*names))) == twins


def test_composed_and_decomposed_letters_are_one() -> None:
    assert folded("\u00c9-1.zip") == folded("e\u0301-1.zip")


def test_a_directory_is_looked_at_under_another_spelling(tmp_path: Path) -> None:
    assert not ignores_case(str(tmp_path))
    (tmp_path / ".microrepo").mkdir()
    assert not ignores_case(str(tmp_path))
    (tmp_path / ".MICROREPO").symlink_to(".microrepo")  # what such a file system shows
    assert ignores_case(str(tmp_path))


def test_a_file_under_another_spelling_is_not_deleted(tmp_path: Path) -> None:
    old, new = "Foo-1.tar.gz", "foo-1.tar.gz"
    (tmp_path / old).write_bytes(b"x")
    target = entries(new)
    assert renamed_files(str(tmp_path), [old], target) == set()  # two files
    (tmp_path / new).symlink_to(old)
    assert renamed_files(str(tmp_path), [old], target) == {old}
    assert renamed_files(str(tmp_path), [], target) == set()
