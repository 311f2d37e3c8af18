"""`microrepo adopt`: what other mirror programs have fetched is taken over, not fetched again."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.index import FakeIndex
from tests.support.mirrors import (
    bandersnatch,
    by_digest,
    minirepo,
    morgan,
    old_bandersnatch,
    under_packages,
)
from tests.support.packages import BuiltFile, build_egg, build_sdist, build_wheel
from tests.support.programs import Completed, MicrorepoRunner
from tests.support.repository import Repository, built_files, digest_of, tree_of, wait_until
from tests.support.server import PyPIServer

ALL = ("--versions", "all", "--python-versions", "all", "--package-types", "all", "--yanked",
       "--extensions", "all", "--prereleases")  # fmt: skip


@pytest.fixture
def filled(index: FakeIndex) -> FakeIndex:
    index.add("Foo.Bar", build_wheel("Foo.Bar", "1.0", requires_dist=["dep>=1"]))
    index.add("Foo.Bar", build_sdist("Foo.Bar", "1.0", payload_size=3000))
    index.add("Foo.Bar", build_wheel("Foo.Bar", "2.0"), yanked="it broke")
    index.add("dep", build_wheel("dep", "1.0", requires_python=">=3.6", payload_size=70_000))
    index.add("dep", build_sdist("dep", "0.9", format="zip"))
    return index


def adopt(repo: Repository, tree: Path, *args: str | Path, expect: int = 0) -> dict[str, Any]:
    """Run `adopt`; the tree must be as before."""
    before = content_of(tree)
    flags = ("--repository", repo.path, "--processes", "2", "--min-free-space", "0")
    done = repo.run("adopt", tree, *flags, *args, "--json", expect=expect)
    after = content_of(tree)
    assert {name: after.get(name) for name in before} == before
    return dict(json.loads(done.stdout))


def content_of(tree: Path) -> dict[str, tuple[int, int, str]]:
    """Return mode, time and digest of every file below a directory."""
    return {
        name: (mode, mtime_ns, digest_of(tree / name))
        for name, (mode, _, mtime_ns) in tree_of(tree).items()
        if (tree / name).is_file() and not name.startswith(".microrepo/")
    }


def fetched(pypi: PyPIServer) -> list[str]:
    """Return the distributions that were asked for."""
    paths = [*pypi.paths("/files/"), *pypi.paths("/packages/")]
    return [path for path in paths if not path.endswith(".metadata")]


def is_taken_over(repo: Repository, pypi: PyPIServer, tree: Path, layout: str) -> None:
    """Adopt a whole tree, twice; refresh; nothing may have been fetched."""
    files = built_files(pypi.index)
    report = adopt(repo, tree, "--no-simple", "--no-server")
    assert (report["layout"], report["linked"]) == (layout, len(files))
    assert (report["copied"], report["failed"]) == (0, [])
    repo.holds(*files)
    again = adopt(repo, tree, "--no-simple", "--no-server")
    assert (again["linked"], again["already"]) == (0, len(files))
    before = repo.identity()
    pypi.reset()
    refreshed = repo.refresh_all(*ALL)
    assert fetched(pypi) == []
    assert (refreshed.downloaded, refreshed.deleted, refreshed.conflicts) == (0, 0, ())
    assert repo.identity() == before
    repo.holds(*files)


def test_what_is_taken_over_is_known_at_once(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path
) -> None:
    """Planned first; then listed, verified, explained and served without a source."""
    minirepo(tmp_path / "old", filled, pypi.url, built_files(filled))
    planned = adopt(repo, tmp_path / "old", "--dry-run")
    assert (planned["linked"], len(planned["plan"])) == (5, 5)
    assert not repo.path.exists()
    pypi.reset()
    done = repo.do("adopt", tmp_path / "old", "--processes", "2", "--min-free-space", "0")
    assert "recognised  minirepo (packages.json; " in done.stdout
    assert len(repo.do("list").stdout.split()) == 5
    assert "sound       5 files" in repo.do("verify", "--deep").stdout
    assert "kept  dep-1.0-py3-none-any.whl" in repo.do("explain", "dep", *ALL).stdout
    page = json.loads((repo.path / "simple" / "foo-bar" / "index.v1_json").read_bytes())
    yanked = {file["filename"]: file["yanked"] for file in page["files"]}
    assert yanked["foo_bar-2.0-py3-none-any.whl"] == "it broke"
    assert pypi.paths() == []


def test_names_that_nobody_can_use_are_told_on_one_line(repo: Repository, tmp_path: Path) -> None:
    tree = tmp_path / "flat"
    tree.mkdir()
    good = build_wheel("good", "1.0")
    good.write_to(tree)
    (tree / "bad\n-1.0.tar.gz").write_bytes(good.content)
    (tree / "dangling-1.0.whl").symlink_to("nowhere")
    (tree / "loop").symlink_to(tree)
    (tree / "link-1.0.tar.gz").symlink_to(tree)
    report = adopt(repo, tree, "--no-simple", "--no-server", expect=3)
    assert [failure["what"] for failure in report["failed"]] == [str(tree / r"bad\n-1.0.tar.gz")]
    repo.holds(good)


@pytest.mark.parametrize("documents", [True, False], ids=["json", "pages"])
def test_what_bandersnatch_has_fetched(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path, documents: bool
) -> None:
    under_packages(filled)
    bandersnatch(tmp_path / "old", pypi.url, documents=documents)
    is_taken_over(repo, pypi, tmp_path / "old" / "mirror", "bandersnatch")


def test_what_morgan_has_fetched(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path
) -> None:
    """It takes one release of each project, and the refresh after it no more than that."""
    morgan(tmp_path / "old", pypi.url + "/simple/", ["foo-bar"])
    tree = tmp_path / "old" / "index"
    held = {path.name for path in tree.rglob("*") if path.name.endswith((".whl", ".tar.gz"))}
    assert held == {
        "foo_bar-1.0-py3-none-any.whl",
        "foo_bar-1.0.tar.gz",
        "dep-1.0-py3-none-any.whl",
    }
    report = adopt(repo, tree)
    assert (report["layout"], report["linked"]) == ("Morgan", 3)
    assert adopt(repo, tree)["already"] == 3
    pypi.reset()
    assert repo.refresh_all().deleted == 0
    assert fetched(pypi) == []
    assert held <= repo.names()


def test_what_bandersnatch_1_has_fetched(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path
) -> None:
    old_bandersnatch(tmp_path / "old", filled)
    is_taken_over(repo, pypi, tmp_path / "old", "bandersnatch 1.x")


def test_what_minirepo_has_fetched(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path
) -> None:
    minirepo(tmp_path / "old", filled, pypi.url, built_files(filled))
    is_taken_over(repo, pypi, tmp_path / "old", "minirepo")


def test_what_pip_has_downloaded(
    repo: Repository,
    pypi: PyPIServer,
    filled: FakeIndex,
    tmp_path: Path,
    offline_pip: Callable[..., Completed],
) -> None:
    """A directory is nobody's mirror: what no index lists stays, whatever a refresh wants."""
    tree = tmp_path / "wheels"
    offline_pip("download", "-d", tree, "--index-url", pypi.url + "/simple/", "foo-bar")
    own = build_wheel("dep", "1.0+patched", requires_python=">=3.7")
    own.write_to(tree)
    report = adopt(repo, tree)
    assert (report["layout"], report["linked"]) == ("a directory of distributions", 3)
    page = json.loads((repo.path / "simple" / "dep" / "index.v1_json").read_bytes())
    assert [file["requires-python"] for file in page["files"]] == [">=3.6", ">=3.7"]
    pypi.reset()
    assert repo.refresh("foo-bar", "dep", "--package-types", "bdist_wheel").adopted == 2
    assert fetched(pypi) == []
    assert own.filename in repo.names()
    repo.refresh("foo-bar", "--packages", "foo-bar", "--max-deletes", "0")
    assert own.filename in repo.names()
    # Taken away by the person who had put it there, it is forgotten.
    (repo.path / own.filename).unlink()
    repo.do("verify", expect=3)
    repo.refresh_all()
    assert own.filename not in repo.do("list").stdout
    repo.do("verify")


def test_what_was_missing_comes_from_a_copy(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path
) -> None:
    """Files of projects that the state knows: its records decide on them, without a question."""
    repo.refresh_all(*ALL)
    shutil.copytree(repo.path, tmp_path / "copy", ignore=shutil.ignore_patterns(".microrepo"))
    for name in repo.names():
        (repo.path / name).unlink()
    assert adopt(repo, tmp_path / "copy", "--no-simple", "--no-server")["linked"] == 5
    pypi.reset()
    assert repo.refresh_all(*ALL).downloaded == 0
    assert pypi.paths() == ["/simple/"]
    # They are ours again, and go when they are not selected any more.
    repo.refresh_all()
    assert repo.names() < {file.filename for file in built_files(filled)}


def test_ended_in_the_middle_it_goes_on_the_next_time(
    repo: Repository, run_microrepo: MicrorepoRunner, tmp_path: Path
) -> None:
    tree = tmp_path / "flat"
    tree.mkdir()
    files = [build_wheel(f"p{number}", "1.0") for number in range(1500)]
    for file in files:
        file.write_to(tree)
    words = ("--repository", repo.path, "--min-free-space", "0", "--no-simple", "--no-server")
    process = run_microrepo.start("adopt", tree, *words)
    wait_until(lambda: len(repo.names()) > 10 or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) in {130, 0}
    assert "Traceback" not in (process.stderr.read() if process.stderr else "")
    report = adopt(repo, tree, "--no-simple", "--no-server")
    assert report["linked"] + report["recorded"] + report["already"] == len(files)
    repo.holds(*files)
    assert len(repo.do("list").stdout.split()) == len(files)


def test_in_place(repo: Repository, pypi: PyPIServer, filled: FakeIndex) -> None:
    """The repository is the old tree's own directory; its files lie in both places, once on disk."""
    old_bandersnatch(repo.path, filled)
    report = adopt(repo, repo.path)
    files = built_files(filled)
    assert report["linked"] == len(files)
    places = {path.name: path for path in (repo.path / "web").rglob("*") if path.is_file()}
    assert all((repo.path / f.filename).samefile(places[f.filename]) for f in files)
    pypi.reset()
    repo.refresh_all(*ALL)
    assert fetched(pypi) == []
    assert adopt(repo, repo.path)["already"] == len(files)


def test_a_flat_directory_in_place(repo: Repository, pypi: PyPIServer, filled: FakeIndex) -> None:
    minirepo(repo.path, filled, pypi.url, built_files(filled))
    before = repo.identity()
    report = adopt(repo, repo.path, "--no-simple", "--no-server")
    assert (report["linked"], report["recorded"]) == (0, 5)
    assert repo.identity() == before
    repo.refresh_all(*ALL)
    assert fetched(pypi) == []


def test_an_index_and_a_server_of_others_stay(repo: Repository, filled: FakeIndex) -> None:
    for file in built_files(filled):
        repo.path.mkdir(exist_ok=True)
        file.write_to(repo.path)
    (repo.path / "server.py").write_text("theirs")
    (repo.path / "simple").mkdir()
    report = adopt(repo, repo.path)
    assert len(report["warnings"]) == 2
    assert (repo.path / "server.py").read_text() == "theirs"
    assert list((repo.path / "simple").iterdir()) == []


def test_what_is_damaged_is_named_and_left_out(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path
) -> None:
    tree = tmp_path / "old"
    under_packages(filled)
    bandersnatch(tree, pypi.url)
    one, two = built_files(filled)[:2]
    path = by_digest(tree / "mirror", one)
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    report = adopt(repo, tree / "mirror", "--no-simple", "--no-server", expect=3)
    assert [failure["what"] for failure in report["failed"]] == [str(path)]
    assert "its sha256 is" in report["failed"][0]["why"]
    assert one.filename not in repo.names()
    assert two.filename in repo.names()
    # It alone is fetched.
    pypi.reset()
    repo.refresh_all(*ALL)
    assert [Path(path).name for path in fetched(pypi)] == [one.filename]
    repo.holds(*built_files(filled))


def test_a_folder_named_by_digest_vouches_for_its_file(repo: Repository, tmp_path: Path) -> None:
    """Without documents and pages, too."""
    tree = tmp_path / "old"
    good, bad = build_wheel("good", "1.0"), build_egg("bad", "1.0")
    for built in (good, bad):
        by_digest(tree, built).parent.mkdir(parents=True)
        built.write_to(by_digest(tree, built).parent)
    by_digest(tree, bad).write_bytes(b"")
    (tree / "status").write_text("17")
    report = adopt(repo, tree, "--no-simple", "--no-server", expect=3)
    assert "status: '17'" in report["evidence"]
    assert "blake2b_256" in report["failed"][0]["why"]
    repo.holds(good)


def test_morgans_hashes_are_held_against_its_files(repo: Repository, tmp_path: Path) -> None:
    tree = tmp_path / "old"
    good, bad = build_wheel("good", "1.0"), build_wheel("bad", "1.0")
    for built, digest in ((good, good.sha256), (bad, good.sha256)):
        (tree / built.name).mkdir(parents=True)
        built.write_to(tree / built.name)
        (tree / built.name / f"{built.filename}.hash").write_text(f"sha256={digest}")
    report = adopt(repo, tree, "--no-simple", "--no-server", expect=3)
    assert report["layout"] == "Morgan"
    assert report["failed"][0]["why"].startswith("damaged: its sha256 is")
    repo.holds(good)


def test_archives_that_break_off_are_damaged(repo: Repository, tmp_path: Path) -> None:
    tree = tmp_path / "flat"
    tree.mkdir()
    good = build_wheel("good", "1.0")
    good.write_to(tree)
    for half in (
        build_wheel("a", "1"),
        build_sdist("b", "1"),
        build_sdist("c", "1", format="tar.bz2"),
    ):
        (tree / half.filename).write_bytes(half.content[: half.size // 2])
    report = adopt(repo, tree, "--no-simple", "--no-server", expect=3)
    assert len(report["failed"]) == 3
    repo.holds(good)


def test_one_name_with_two_contents_is_a_conflict(repo: Repository, tmp_path: Path) -> None:
    tree = tmp_path / "nested"
    one, other, same = (build_wheel("x", "1", payload_size=n) for n in (1, 2, 3))
    twin = build_wheel("y", "1")
    for folder, files in (("a", (one, twin)), ("b", (other, twin))):
        (tree / folder).mkdir(parents=True)
        for file in files:
            file.write_to(tree / folder)
    report = adopt(repo, tree, "--no-simple", "--no-server", expect=3)
    assert [conflict["what"] for conflict in report["conflicts"]] == [one.filename]
    assert str(tree / "b" / one.filename) in report["conflicts"][0]["why"]
    repo.holds(twin)
    # What stands in the repository under the name stays, too.
    same.write_to(repo.path)
    shutil.rmtree(tree / "b")
    report = adopt(repo, tree, expect=3)
    assert "with different content" in report["conflicts"][0]["why"]
    assert digest_of(repo.path / same.filename) == same.sha256


def other_file_system(path: Path) -> Path:
    """Return a directory on another file system than `path`; skips where there is none."""
    place = Path("/dev/shm")
    if not os.access(place, os.W_OK) or place.stat().st_dev == path.stat().st_dev:
        pytest.skip("there is no second file system here")
    return place


def test_another_file_system_needs_a_word(
    pypi: PyPIServer, run_microrepo: Any, tmp_path: Path, filled: FakeIndex
) -> None:
    tree = tmp_path / "flat"
    minirepo(tree, filled, pypi.url, built_files(filled))
    place = other_file_system(tmp_path) / f"microrepo-test-{os.getpid()}"
    repo = Repository(place / "repo", pypi.url, run_microrepo)
    place.mkdir()
    try:
        assert "--copy" in adopt(repo, tree, expect=1)["refused"]
        assert not repo.path.exists()
        report = adopt(repo, tree, "--copy", "--no-simple", "--no-server")
        assert (report["linked"], report["copied"]) == (5, 5)
        repo.holds(*built_files(filled))
        assert adopt(repo, tree, "--copy")["already"] == 5
    finally:
        shutil.rmtree(place)


def test_projects_that_are_gone_upstream_go_with_the_refresh(
    repo: Repository, pypi: PyPIServer, filled: FakeIndex, tmp_path: Path
) -> None:
    """bandersnatch keeps them for ever; the old tree still does."""
    evil: BuiltFile = build_wheel("evil", "1.0")
    filled.add("evil", evil)
    old_bandersnatch(tmp_path / "old", filled)
    filled.remove_project("evil")
    adopt(repo, tmp_path / "old", "--no-simple", "--no-server")
    assert evil.filename in repo.names()
    repo.refresh_all(*ALL)
    repo.holds(*built_files(filled))
    assert list((tmp_path / "old").rglob(evil.filename))


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "is not a directory"),
        (lambda path: path.write_text("x"), "is not a directory"),
        (lambda path: path.mkdir(), "contains no distributions"),
    ],
)
def test_what_cannot_be_taken_over(
    repo: Repository, tmp_path: Path, make: Callable[[Path], object], why: str
) -> None:
    make(tmp_path / "tree")
    done = repo.do("adopt", tmp_path / "tree", expect=1)
    assert why in done.stderr
    assert not repo.path.exists()
