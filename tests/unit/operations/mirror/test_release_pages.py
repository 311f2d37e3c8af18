"""A mirrored release on the pages of its directory."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from microrepo.errors import RepositoryError
from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.operations.mirror.release_pages import has_pages, publish_release
from microrepo.reporting import SilentReporter
from microrepo.state import ProjectRow, open_state
from tests.support.packages import build_wheel
from tests.support.upstream import file_of
from tests.unit.operations.conftest import MakeChannel

FOO = NormalizedName("foo")
WHEEL = build_wheel("foo", "1.0")
FILE = file_of(WHEEL, yanked=True, yanked_reason="broken")


def publish(open_near: MakeChannel, *files: File, tags: bool = True) -> None:
    project = Project(FOO, "Foo", 7, "archived", files=files, versions=("1.0",))
    publish_release(open_near(), project, files, SilentReporter(), tags=tags)


def page(target: Path) -> str:
    return (target / "simple/foo/index.html").read_text()


@pytest.mark.parametrize("tags", [False, True])
def test_files_are_named_with_their_marks(open_near: MakeChannel, target: Path, tags: bool) -> None:
    WHEEL.write_to(target)
    assert not has_pages(open_near().directory)
    publish(open_near, FILE, tags=tags)
    assert has_pages(open_near().directory)
    assert WHEEL.filename in page(target)
    assert "broken" in page(target)
    assert ("archived" in page(target)) is tags


def test_a_file_that_changed_meanwhile_is_not_published(
    open_near: MakeChannel, target: Path
) -> None:
    WHEEL.write_to(target)
    with pytest.raises(RepositoryError):
        publish(open_near, msgspec.structs.replace(FILE, digests=Digests("0" * 64)))


def test_a_file_that_no_page_can_name_is_left_out(open_near: MakeChannel, target: Path) -> None:
    WHEEL.write_to(target)
    (target / "foo-1.0-py3-none-any.exe").write_bytes(b"x")
    publish(open_near, FILE, msgspec.structs.replace(FILE, filename="foo.exe"))
    assert "foo.exe" not in page(target)


def test_a_project_that_a_refresh_keeps_stays_as_its_source_has_it(
    open_near: MakeChannel, target: Path
) -> None:
    WHEEL.write_to(target)
    state, _ = open_state(open_near().directory.state_file)
    with state.transaction():
        state.save_projects([ProjectRow(FOO, "Kept", policy="rules")])
    publish(open_near, FILE)
    assert state.projects([FOO])[FOO].display_name == "Kept"
    state.close()
