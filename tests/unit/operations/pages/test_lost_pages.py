"""Pages that were written and that somebody removed."""

from __future__ import annotations

import shutil

import pytest

from microrepo.model import Digests, File, NormalizedName, Project
from microrepo.operations.apply.holdings import Holdings
from microrepo.operations.pages.lost_pages import lost_pages
from microrepo.publish.tree.static_tree import Publisher
from microrepo.state import FileRow, ProjectRow, pack

NAMES = [NormalizedName("bar"), NormalizedName("foo")]


@pytest.fixture
def published(holdings: Holdings) -> Holdings:
    """A repository whose pages name two projects."""
    state = holdings.state
    for name in NAMES:
        file = File(f"{name}-1.zip", "u", "1", "sdist", Digests("a" * 64), 4)
        holdings.directory.file(file.filename).write_bytes(b"four")
        disk = holdings.directory.stat(file.filename)
        assert disk is not None
        with state.transaction():
            state.save_projects([ProjectRow(name, name)])
            state.save_documents([(name, pack(Project(name, name, files=(file,))))])
            state.save_files(
                [FileRow(file.filename, name, "1", "u", 4, file.digests, True, disk.mtime_ns)]
            )
    publisher = Publisher(
        holdings.directory,
        state,
        lambda: pytest.fail("two projects need no workers"),
        now="2026-06-02T12:00:00.000000Z",
        with_server=False,
        links=holdings.links,
    )
    publisher.publish([NAMES])
    publisher.finish()
    return holdings


@pytest.mark.parametrize(
    ("removed", "lost"),
    [
        (None, []),
        ("simple/foo/index.html", ["foo"]),
        ("simple/foo/index.v1_json", ["foo"]),
        ("pypi/bar/json", ["bar"]),
        ("simple", ["bar", "foo"]),
    ],
)
def test_each_page_of_a_project_is_missed(
    published: Holdings, removed: str | None, lost: list[str]
) -> None:
    if removed is not None:
        path = published.directory.path / removed
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert sorted(lost_pages(published.directory, published.state.publication)) == lost
