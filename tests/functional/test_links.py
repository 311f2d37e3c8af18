"""Pages whose links lead elsewhere: a copy of the files, or the source's own, without any here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.functional.server.serving import serve
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import Environment, MicrorepoRunner
from tests.support.repository import Repository, wait_until
from tests.support.server import PyPIServer

SETTINGS = (
    *("--processes", "2", "--connections", "4", "--min-free-space", "0"),
    *("--no-dependencies", "--versions", "all", "--yanked"),
)


@pytest.fixture
def tree(tmp_path: Path, pypi: PyPIServer, run_microrepo: MicrorepoRunner) -> Repository:
    """A repository with pages."""
    return Repository(tmp_path / "repo", pypi.url, run_microrepo, SETTINGS)


@pytest.fixture
def files(index: FakeIndex) -> list[BuiltFile]:
    built = [
        build_wheel("alpha", "1.0", requires_dist=["beta"]),
        build_sdist("alpha", "1.0"),
        build_wheel("beta", "1+x"),
    ]
    for file in built:
        index.add(file.name, file)
    index.add("alpha", build_wheel("alpha", "2.0"), yanked="broken")
    return built


def page(repo: Repository, name: str) -> dict[str, Any]:
    return dict(json.loads((repo.path / "simple" / name / "index.v1_json").read_bytes()))


def links(repo: Repository, name: str) -> dict[str, str]:
    return {file["filename"]: file["url"] for file in page(repo, name)["files"]}


def documented(repo: Repository, name: str) -> dict[str, str]:
    document = json.loads((repo.path / "pypi" / name / "json").read_bytes())
    return {f["filename"]: f["url"] for files in document["releases"].values() for f in files}


def source_links(index: FakeIndex, pypi: PyPIServer, name: str) -> dict[str, str]:
    return {file.filename: pypi.url + file.path for file in index.projects[name].files}


def index_only(repo: Repository, *more: str) -> Repository:
    repo.settings = (*SETTINGS, "--no-files", *more)
    return repo


def test_links_to_a_copy_of_the_files(
    tree: Repository, files: list[BuiltFile], fresh_venv: Callable[..., Environment], tmp_path: Path
) -> None:
    """The pages stand here, clients take the files there."""
    tree.refresh_all()
    relative = links(tree, "beta")
    with serve(tree.path) as copy:
        where = ("--files-url", copy.url + "packages")
        tree.refresh_all(*where)
        base = copy.url + "packages/"
        assert links(tree, "beta") == {
            "beta-1+x-py3-none-any.whl": base + "beta-1%2Bx-py3-none-any.whl"
        }
        assert documented(tree, "alpha") == links(tree, "alpha")
        assert base in (tree.path / "simple" / "links.html").read_text()
        before = tree.identity()
        with serve(tree.path) as served:
            venv = fresh_venv()
            venv.pip("install", "--index-url", served.url + "simple/", "alpha")
            assert "GET /packages/" not in served.log.getvalue()
        wheel = "GET /packages/alpha-1.0-py3-none-any.whl"
        for asked in (f"{wheel} ", f"{wheel}.metadata "):
            wait_until(lambda asked=asked: asked in copy.log.getvalue())  # type: ignore[misc]
        # Who is given the directory alone keeps the links.
        tree.do("index")
        assert links(tree, "beta")["beta-1+x-py3-none-any.whl"].startswith(base)
        assert tree.identity() == before
    tree.refresh_all()
    assert links(tree, "beta") == relative


def test_an_index_without_files(
    tree: Repository,
    index: FakeIndex,
    pypi: PyPIServer,
    files: list[BuiltFile],
    fresh_venv: Callable[..., Environment],
) -> None:
    index_only(tree)
    report = tree.refresh_all()
    assert (report.totals.index, report.totals.download, report.downloaded) == (4, 0, 0)
    assert tree.names() <= {"server.py", "last-modified"}
    assert pypi.count("/files/") == 0
    assert links(tree, "alpha") == source_links(index, pypi, "alpha") == documented(tree, "alpha")
    entry = page(tree, "alpha")["files"][-1]
    sidecar = index.projects["alpha"].files[-1].built.metadata_sha256
    assert (entry["yanked"], entry["core-metadata"]) == ("broken", {"sha256": sidecar})
    tree.run("verify", "--repository", tree.path)
    assert tree.do("list").stdout.split() == sorted([*links(tree, "alpha"), *links(tree, "beta")])
    assert "4 files" in tree.do("stats").stdout
    assert "not there" not in tree.do("explain", "alpha").stdout
    with serve(tree.path) as served:
        fresh_venv().uv("pip", "install", "--index-url", served.url + "simple/", "alpha")
    assert pypi.count("/files/") > 0

    pypi.reset()
    report = tree.refresh_all()
    assert (report.totals.index, pypi.paths()) == (0, ["/simple/"])


def test_an_index_without_files_follows_its_source(
    tree: Repository, index: FakeIndex, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    index_only(tree)
    tree.refresh_all()
    index.add("beta", build_wheel("beta", "2"))
    index.remove_release("alpha", "1.0")
    tree.refresh_all()
    assert links(tree, "beta") == source_links(index, pypi, "beta")
    assert links(tree, "alpha") == source_links(index, pypi, "alpha")
    index.remove_project("alpha")
    assert tree.refresh_all().deleted == 1
    assert not (tree.path / "simple" / "alpha" / "index.html").exists()
    lines = tree.do("history").stdout.splitlines()
    assert sum("  index " in line for line in lines) == 5
    assert sum(line.startswith("  delete") for line in lines) == 3
    # Pruning and deleting act on what is listed.
    wanted = ("--packages", "everything", "--versions", "all", "--exclude", "beta==2")
    assert "delete    beta-2-py3" in tree.do("prune", "--dry-run", *wanted).stdout
    tree.do("delete", "beta==2")
    assert list(links(tree, "beta")) == [files[2].filename]


def test_the_guard_on_deletions_counts_what_is_listed(
    tree: Repository, index: FakeIndex, pypi: PyPIServer
) -> None:
    for number in range(101):
        index.add(f"p{number:03}", build_wheel(f"p{number:03}", "1"))
    index_only(tree)
    tree.refresh_all()
    for number in range(60):
        index.remove_project(f"p{number:03}")
    assert "60 files would be deleted" in tree.refresh_all(expect=1).refused
    assert (tree.path / "simple" / "p000" / "index.html").exists()


def test_links_to_another_host_with_the_same_paths(
    tree: Repository, index: FakeIndex, files: list[BuiltFile]
) -> None:
    index_only(tree, "--files-url", "https://files.example/mirror/")
    tree.refresh_all()
    file = index.projects["beta"].files[0]
    assert links(tree, "beta") == {file.filename: f"https://files.example/mirror{file.path}"}
    # Nobody knows whether the metadata is there as well.
    assert page(tree, "beta")["files"][0]["core-metadata"] is False


def test_from_pages_alone_to_files_and_back(
    tree: Repository, index: FakeIndex, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    index_only(tree).refresh_all()
    tree.settings = SETTINGS
    assert tree.refresh_all().downloaded == 4
    assert all(url.startswith("../../") for url in links(tree, "alpha").values())
    held = {path: path.stat().st_ino for path in tree.path.glob("*-[0-9]*")}
    index_only(tree).refresh_all()
    assert links(tree, "alpha") == source_links(index, pypi, "alpha")
    assert {path: path.stat().st_ino for path in tree.path.glob("*-[0-9]*")} == held
    (tree.path / files[0].filename).unlink()
    assert tree.refresh_all().exit_code == 0
    pypi.reset()
    tree.settings = SETTINGS
    assert tree.refresh_all().downloaded == 1
    assert pypi.count("/files/") == 1


def test_check_of_an_index_without_files(
    tree: Repository, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    """The metadata that the closure needed is kept; no file is looked for."""
    index_only(tree)
    tree.settings = tuple(word for word in tree.settings if word != "--no-dependencies")
    report = tree.refresh("alpha")
    assert report.downloaded == 0
    assert set(links(tree, "beta")) == {files[2].filename}
    tree.do("check", "alpha")
    tree.do("check", "alpha==9", expect=3)


def test_the_static_tree_of_an_index_can_be_made_anew(
    tree: Repository, files: list[BuiltFile]
) -> None:
    import shutil

    index_only(tree).refresh_all()
    before = links(tree, "alpha")
    shutil.rmtree(tree.path / "simple")
    tree.do("index")
    assert links(tree, "alpha") == before


def test_pages_do_not_publish_a_password(
    tree: Repository, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    pypi.switches.auth = ("me", "geheim")
    index_only(tree)
    tree.source = pypi.url.replace("http://", "http://me:geheim@")
    tree.refresh_all()
    written = [path.read_bytes() for path in tree.path.rglob("*") if path.is_file()]
    assert not any(b"geheim" in text for text in written)
    assert links(tree, "alpha")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--no-files", "--no-simple"], "there is nothing to write"),
        (["--files-url", "somewhere"], "$.files_url: 'somewhere' is not an http(s) URL"),
        (["--files-url", "https://a:b@f.example/"], "every page would show the password"),
        (["--no-files", "--source", "/srv"], "pages cannot link to a directory"),
    ],
)
def test_mistakes(tree: Repository, words: list[str], said: str) -> None:
    assert said in tree.run("refresh", "a", *tree.flags(), *words, expect=2).stderr
