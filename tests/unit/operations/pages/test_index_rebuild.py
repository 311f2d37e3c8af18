"""The whole tree rebuilt from what lies in the directory, whoever put it there."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from microrepo.config.schema import Config
from microrepo.operations.pages.index_rebuild import IndexReport, rebuild_index
from tests.support.packages import build_sdist, build_wheel
from tests.support.shelf import Shelf

FOO, BAR = build_wheel("foo", "1.0"), build_wheel("bar", "1.0", requires_python=">=3.9")


def rebuild(config: Config, path: Path | None = None) -> IndexReport:
    changed = config if path is None else msgspec.structs.replace(config, repository=str(path))
    return rebuild_index(changed)


def listed(shelf: Shelf, name: str) -> list[str]:
    return [file.filename for file in shelf.page(name).files]


def failed(report: IndexReport) -> list[str]:
    return [failure.what for failure in report.failed]


def test_an_unchanged_repository_is_not_read(shelf: Shelf, config: Config) -> None:
    shelf.hold(FOO)
    report = rebuild(config)
    assert (report.projects, report.files, report.read, report.exit_code) == (1, 1, 0, 0)
    before = shelf.identities()
    rebuild(config)
    assert shelf.identities() == before


def test_files_of_others_are_read_once_and_listed(shelf: Shelf, config: Config) -> None:
    BAR.write_to(shelf.path)
    assert rebuild(config).read == 1
    (file,) = shelf.page("bar").files
    assert (file.digests.sha256, file.requires_python) == (BAR.sha256, ">=3.9")
    assert rebuild(config).read == 0
    (shelf.path / BAR.filename).unlink()
    FOO.write_to(shelf.path)
    assert rebuild(config).projects == 1
    assert set(shelf.root().projects) == {"foo"}


@pytest.mark.parametrize("content", [None, b"another size"])
def test_a_recorded_file_that_is_not_in_place_is_left_out(
    shelf: Shelf, config: Config, content: bytes | None
) -> None:
    shelf.hold(FOO)
    shelf.hold(build_sdist("foo", "1.0"))
    path = shelf.path / FOO.filename
    path.unlink() if content is None else path.write_bytes(content)
    report = rebuild(config)
    assert (failed(report), report.exit_code) == ([FOO.filename], 3)
    assert listed(shelf, "foo") == ["foo-1.0.tar.gz"]


@pytest.mark.parametrize("damaged", [False, True])
def test_a_file_with_another_time_is_read(shelf: Shelf, config: Config, damaged: bool) -> None:
    shelf.hold(FOO)
    shelf.hold(BAR)
    path = shelf.path / FOO.filename
    if damaged:
        path.write_bytes(b"x" * FOO.size)
    os.utime(path, ns=(7, 7_000_000_000))
    report = rebuild(config)
    assert failed(report) == ([FOO.filename] if damaged else [])
    assert report.read == 1
    (row,) = shelf.state.files(["foo"])
    assert (row.mtime_ns == 7_000_000_000) is not damaged


def test_content_that_contradicts_what_is_said_of_it_is_left_out(
    shelf: Shelf, config: Config
) -> None:
    shelf.hold(BAR)
    FOO.write_to(shelf.path)
    (shelf.path / f"{FOO.filename}.hash").write_text(f"sha256={'0' * 64}")
    report = rebuild(config)
    assert failed(report) == [FOO.filename]
    (found,) = shelf.state.publication.found(["foo"])
    assert found.file.digests.sha256 == "0" * 64  # it stays known as damaged


def test_an_archive_that_cannot_be_read_is_left_out(shelf: Shelf, config: Config) -> None:
    shelf.hold(BAR)
    (shelf.path / FOO.filename).write_bytes(FOO.content[:100])
    assert failed(rebuild(config)) == [FOO.filename]
    assert set(shelf.root().projects) == {"bar"}


def test_a_directory_without_any_of_its_files_is_refused(shelf: Shelf, config: Config) -> None:
    """It may be that the file system is not mounted."""
    shelf.hold(FOO)
    shelf.publish()
    (shelf.path / FOO.filename).unlink()
    report = rebuild(config)
    assert (bool(report.refused), report.exit_code) == (True, 1)
    assert listed(shelf, "foo") == [FOO.filename]


def test_a_bare_directory_becomes_an_index(config: Config, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    FOO.write_to(bare)
    (bare / "simple/gone").mkdir(parents=True)
    report = rebuild(config, bare)
    assert (report.projects, report.files) == (1, 1)
    assert FOO.filename in (bare / "simple/foo/index.html").read_text()
    assert not (bare / "simple/gone").exists()


def test_a_project_none_of_whose_files_is_in_place_keeps_its_pages(
    shelf: Shelf, config: Config
) -> None:
    shelf.hold(FOO)
    shelf.hold(BAR)
    shelf.publish()
    (shelf.path / FOO.filename).unlink()
    report = rebuild(config)
    assert failed(report) == [FOO.filename]
    assert ["foo" in text for text in report.warnings] == [True]
    assert listed(shelf, "foo") == [FOO.filename]
