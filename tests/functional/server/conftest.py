"""A small repository, bare and with static pages, and a server over it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.server.serving import Served, serve
from tests.support.assembled_server import server_module
from tests.support.packages import BuiltFile, build_sdist, build_wheel

AGE_NS = 100 * 86400 * 10**9


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A directory of distributions without any page, one of them with a metadata sidecar."""
    directory = tmp_path / "ré po"
    directory.mkdir()
    old = build_wheel("Foo.Bar", "1.0", summary="An old summary")
    new = build_wheel("Foo.Bar", "2.0", requires_python=">=3.7", summary="A new <summary>")
    put(directory, old, new, build_sdist("Foo.Bar", "2.0", requires_python=">=3.7"))
    put(directory, build_wheel("other", "0.1+local.1", requires_dist=["foo-bar>=1"]))
    (directory / (new.filename + ".metadata")).write_bytes(new.metadata or b"")
    return directory


@pytest.fixture
def with_tree(bare: Path) -> Path:
    """The same directory with static pages: a yanked release, a status, serials."""
    write_tree(bare)
    return bare


@pytest.fixture
def served(bare: Path) -> Iterator[Served]:
    """A server over the bare directory."""
    with serve(bare) as running:
        yield running


@pytest.fixture(params=["bare", "tree"])
def either(request: pytest.FixtureRequest, bare: Path) -> Iterator[Served]:
    """A server over the bare directory, and one over the directory with static pages."""
    if request.param == "tree":
        write_tree(bare)
    with serve(bare) as running:
        yield running


def put(directory: Path, *files: BuiltFile) -> None:
    for file in files:
        file.write_to(directory)


def write_tree(directory: Path) -> None:
    """Write static pages with the server's renderers, version 1.0 being yanked."""
    repository = server_module.Repository(str(directory))
    names = [name for name, _ in repository.root_page()[0].projects]
    for number, name in enumerate(names, 1):
        found = repository.project(name)
        assert found is not None
        files = tuple(
            entry._replace(yanked="it <broke>")
            if name == "foo-bar" and entry.release == "1.0"
            else entry
            for entry in found.page.files
        )
        page = found.page._replace(
            files=files, serial=number, status="archived", status_reason="old & done"
        )
        folder = directory / "simple" / name
        folder.mkdir(parents=True)
        html = server_module.render_project_html(page)
        (folder / "index.html").write_bytes(html)
        (folder / "index.v1_html").write_bytes(html)
        (folder / "index.v1_json").write_bytes(server_module.render_project_json(page))
    root = server_module.RootPage(tuple((name, n) for n, name in enumerate(names, 1)), len(names))
    (directory / "simple/index.html").write_bytes(server_module.render_root_html(root))
    (directory / "simple/index.v1_html").write_bytes(server_module.render_root_html(root))
    (directory / "simple/index.v1_json").write_bytes(server_module.render_root_json(root))
