"""The files of a release, as they go to the destination."""

from __future__ import annotations

from pathlib import Path

import pytest

from microrepo.errors import FailedCommand
from microrepo.model import Cause, NormalizedName, Project
from microrepo.operations.mirror.release_files import ReleaseFiles
from microrepo.operations.mirror.release_metadata import make_marks, write_marks
from microrepo.operations.mirror.release_template import Template
from tests.support.packages import BuiltFile, build_wheel
from tests.support.upstream import file_of
from tests.unit.operations.conftest import MakeChannel
from tests.unit.operations.mirror.conftest import MakeShared, release

FOO = NormalizedName("foo")
OLD, NEW = build_wheel("foo", "1.0"), build_wheel("foo", "2.0")


def project(source: Path, *built: BuiltFile) -> Project:
    files = tuple(file_of(one, one.write_to(source).as_uri()) for one in built)
    return Project(FOO, "Foo", 7, files=files, versions=tuple(one.version for one in built))


def test_only_the_files_of_the_release(
    open_near: MakeChannel, shared: MakeShared, source: Path
) -> None:
    files = ReleaseFiles(open_near(), release("foo", "1"), shared(), Template())
    assert files.marks() is None
    assert [item.file.filename for item in files(project(source, OLD, NEW))] == [OLD.filename]
    assert files.project is not None
    assert files.project.versions == ("1.0",)
    marks = files.marks()
    assert marks is not None
    assert [file.filename for file in marks.files] == [OLD.filename]


def test_a_release_that_there_is_not(
    open_near: MakeChannel, shared: MakeShared, source: Path
) -> None:
    files = ReleaseFiles(open_near(), release("foo", "9"), shared(), Template())
    with pytest.raises(FailedCommand, match=r"1\.0, 2\.0"):
        files(project(source, OLD, NEW))


def test_a_release_of_which_the_filters_leave_nothing(
    open_near: MakeChannel, shared: MakeShared, source: Path
) -> None:
    files = ReleaseFiles(open_near(), release("foo", "1.0"), shared(), Template())
    listed = project(source, OLD)
    unsafe = Project(FOO, "Foo", files=(file_of(OLD, filename="other-1.0-py3-none-any.whl"),))
    assert len(files(listed)) == 1
    with pytest.raises(FailedCommand, match=Cause.UNSAFE_NAME.value):
        files(unsafe)


def test_what_a_directory_was_told_of_a_release_goes_along(
    open_near: MakeChannel, shared: MakeShared, source: Path
) -> None:
    listed = project(source, OLD)
    yanked = (file_of(OLD, yanked=True),)
    write_marks(source, make_marks(listed, "index.example", yanked, label="tested"))
    files = ReleaseFiles(open_near(), release("foo", "1.0"), shared(), Template())
    (item,) = files(listed)
    assert (item.file.yanked, files.label) == (True, "tested")


def test_redirected_wheels_are_copies_that_are_removed(
    open_near: MakeChannel, shared: MakeShared, source: Path
) -> None:
    direct = build_wheel("foo", "1.0", requires_dist=["bar @ https://f.example/bar-2.0.tar.gz"])
    order = shared(redirect_dependencies=True)
    files = ReleaseFiles(open_near(), release("foo", "1.0"), order, Template())
    (item,) = files(project(source, direct))
    path = Path(item.file.url.removeprefix("file://"))
    assert (item.cause, files.redirected_files()) == (Cause.REDIRECTED, [direct.filename])
    assert item.file.digests.sha256 != direct.sha256
    assert "bar==2.0" in files.redirected[0]
    assert path.exists()
    files.close()
    assert not path.exists()


def test_wheels_without_direct_urls_are_not_redirected(
    open_near: MakeChannel, shared: MakeShared, source: Path
) -> None:
    order = shared(redirect_dependencies=True)
    files = ReleaseFiles(open_near(), release("foo", "1.0"), order, Template())
    (item,) = files(project(source, OLD))
    assert (item.file.digests.sha256, files.redirected) == (OLD.sha256, [])
