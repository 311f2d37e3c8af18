"""Deleting by name, moving aside, and what the history says of it; `verify --dry-run`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.programs import MicrorepoRunner
from tests.support.repository import PLAIN, Repository, digest_of, tree_of
from tests.support.server import PyPIServer

WITH_PAGES = tuple(flag for flag in PLAIN if flag != "--no-simple")


@pytest.fixture
def repo(tmp_path: Path, pypi: PyPIServer, run_microrepo: MicrorepoRunner) -> Repository:
    """A repository with pages, at a path that is not plain."""
    path = tmp_path / "Bücher und Räder"
    return Repository(path, pypi.url, run_microrepo, (*WITH_PAGES, "--versions", "all"))


@pytest.fixture
def files(repo: Repository, index: FakeIndex) -> list[BuiltFile]:
    """Two releases of a project, and another project, in the repository."""
    built = [
        build_wheel("alpha", "1.0"),
        build_wheel("alpha", "2.0"),
        build_sdist("alpha", "2.0"),
        build_wheel("beta", "1.0"),
    ]
    for file in built:
        index.add(file.name, file)
    repo.refresh_all()
    return built


def wheels_of(repo: Repository) -> set[str]:
    return {name for name in repo.names() if name.endswith((".whl", ".gz"))}


def looks(repo: Repository) -> dict[str, tuple[int, int, int]]:
    """Return all that is there but the time of the folder in which readers keep a file open."""
    tree = tree_of(repo.path)
    del tree[".microrepo"]
    return tree


def told(repo: Repository, *projects: str) -> set[tuple[str, str, str]]:
    rows = json.loads(repo.do("history", *projects, "--json").stdout)
    return {(row["action"], row["filename"], row["reason"]) for row in rows}


def test_a_project_goes_with_all_that_belongs_to_it(
    repo: Repository, index: FakeIndex, files: list[BuiltFile]
) -> None:
    before = looks(repo)
    dry = repo.do("delete", "Alpha", "--dry-run")
    assert "delete    alpha-2.0.tar.gz" in dry.stdout
    assert looks(repo) == before
    done = repo.do("delete", "Alpha", "--reason", "licence withdrawn")
    # What would bring it back is said, with the setting that prevents it.
    assert '"exclude": ["alpha"]' in done.stdout
    assert '"exclude": ["alpha"]' in dry.stdout
    left = {str(path.relative_to(repo.path)) for path in repo.path.rglob("*") if path.is_file()}
    assert not [name for name in left if "alpha" in name]
    assert "alpha" not in (repo.path / "simple" / "index.v1_json").read_text()
    assert wheels_of(repo) == {files[3].filename}
    assert {("delete", file.filename, "licence withdrawn") for file in files[:3]} <= told(
        repo, "alpha"
    )
    repo.refresh_all("--exclude", "alpha")
    assert wheels_of(repo) == {files[3].filename}
    repo.refresh_all()
    assert wheels_of(repo) == {file.filename for file in files}


def test_a_release_goes_and_comes_back_unless_it_is_excluded(
    repo: Repository, files: list[BuiltFile]
) -> None:
    done = repo.do("delete", "alpha == 2.0", "--json")
    report = json.loads(done.stdout)
    assert (report["operation"], report["deleted"]) == ("delete", 2)
    assert '"alpha==2.0"' in report["notes"][0]
    assert wheels_of(repo) == {files[0].filename, files[3].filename}
    page = json.loads((repo.path / "simple" / "alpha" / "index.v1_json").read_text())
    assert [file["filename"] for file in page["files"]] == [files[0].filename]
    repo.refresh_all("--exclude", "alpha==2.0")
    assert wheels_of(repo) == {files[0].filename, files[3].filename}
    repo.refresh_all()
    assert wheels_of(repo) == {file.filename for file in files}


@pytest.mark.parametrize("removed", ["delete", "quarantine"])
@pytest.mark.parametrize(
    "reason",
    ["removed upstream", "quarantined upstream: x", "no longer requested", "adopted from x"],
)
def test_a_reason_is_words_and_decides_nothing(
    repo: Repository, files: list[BuiltFile], reason: str, removed: str
) -> None:
    repo.do("delete", "alpha==2.0", "--reason", reason, "--removed", removed)
    assert {row for row in told(repo, "alpha") if row[0] != "add"} == {
        ("delete", file.filename, reason) for file in files[1:3]
    }
    assert not (repo.path / ".microrepo" / "quarantine").exists()
    # The rest of the project is as it was, for explanations and for the next run.
    assert "kept" in repo.do("explain", files[0].filename).stdout
    assert files[0].filename in (repo.path / "simple" / "alpha" / "index.html").read_text()
    assert repo.do("health", "--max-age", "1h").returncode == 0


def test_one_file_goes(repo: Repository, files: list[BuiltFile]) -> None:
    repo.do("delete", files[2].filename)
    assert wheels_of(repo) == {file.filename for file in files if file is not files[2]}


def test_nothing_is_said_of_what_stays_away(repo: Repository, files: list[BuiltFile]) -> None:
    done = repo.do("delete", "alpha", "--exclude", "al*")
    assert "exclude" not in done.stdout
    done = repo.do("delete", "beta", "--packages", "alpha")
    assert "exclude" not in done.stdout
    assert wheels_of(repo) == set()


def test_names_that_mean_nothing(repo: Repository, files: list[BuiltFile]) -> None:
    before = looks(repo)
    for word in ("alpha; python_version < '4'", "alpha[extra]", "../alpha", ""):
        repo.do("delete", word, expect=2)
    assert looks(repo) == before
    done = repo.do("delete", "nothing", "alpha==9", "beta", expect=3)
    assert "nothing found under: nothing, alpha==9" in done.stdout
    assert wheels_of(repo) == {file.filename for file in files[:3]}


def test_pruned_files_leave_the_pages_too(repo: Repository, files: list[BuiltFile]) -> None:
    repo.do("prune", "--packages", "everything", "--versions", "latest")
    page = json.loads((repo.path / "simple" / "alpha" / "index.v1_json").read_text())
    assert {file["filename"] for file in page["files"]} == {f.filename for f in files[1:3]}


def test_what_the_index_holds_back_is_moved_aside(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    repo.source = pypi.simple_url
    repo.refresh("--packages", "alpha,beta")
    index.set_status("alpha", "quarantined")
    repo.refresh("--packages", "alpha,beta", "--removed", "keep", expect=3)
    assert wheels_of(repo) == {file.filename for file in files}
    repo.refresh("--packages", "alpha,beta", "--removed", "quarantine", "--no-prune", expect=3)
    assert wheels_of(repo) == {files[3].filename}
    aside = repo.path / ".microrepo" / "quarantine" / "alpha"
    assert digest_of(aside / files[0].filename) == files[0].sha256
    assert (aside / f"{files[0].filename}.reason").read_text().startswith("quarantined upstream")
    moved = [row for row in told(repo, "alpha") if row[0] == "quarantine"]
    assert {row[1] for row in moved} == {file.filename for file in files[:3]}
    assert all(row[2].startswith("quarantined upstream") for row in moved)


def test_a_look_changes_nothing(repo: Repository, files: list[BuiltFile]) -> None:
    (repo.path / files[0].filename).write_bytes(b"damaged")
    (repo.path / files[3].filename).unlink()
    before = looks(repo)
    done = repo.do("verify", "--repair", "--dry-run", expect=3)
    assert f"download  {files[0].filename}" in done.stdout
    assert "to repair   2 files" in done.stdout
    assert looks(repo) == before
    assert (repo.path / files[0].filename).read_bytes() == b"damaged"
