"""Files that are there already: taken over, left alone, or replaced when that is wanted."""

from __future__ import annotations

import pytest

from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    """The file that is there before us."""
    built = build_wheel("alpha", "1.0", payload_size=3000)
    index.add("alpha", built)
    return built


@pytest.fixture
def beta(index: FakeIndex) -> BuiltFile:
    """A file that is not."""
    built = build_wheel("beta", "1.0")
    index.add("beta", built)
    return built


def test_a_file_with_the_right_content_is_adopted(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, beta: BuiltFile
) -> None:
    repo.path.mkdir()
    alpha.write_to(repo.path)
    before = repo.identity()[alpha.filename]
    report = repo.refresh_all()
    repo.holds(alpha, beta)
    assert (report.adopted, report.downloaded) == (1, 1)
    assert pypi.count("/files/") == 1
    assert repo.identity()[alpha.filename] == before
    # From now on it is ours, and goes when it is superseded.
    assert repo.refresh_all().projects == 0
    assert repo.do("list").stdout.split() == [alpha.filename, beta.filename]


def test_a_directory_filled_by_hand_costs_no_download(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, beta: BuiltFile
) -> None:
    repo.path.mkdir()
    alpha.write_to(repo.path)
    beta.write_to(repo.path)
    repo.refresh("alpha", "beta")
    assert pypi.paths("/files/") == []


def test_other_content_under_a_wanted_name_is_left_alone(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, beta: BuiltFile
) -> None:
    repo.path.mkdir()
    (repo.path / alpha.filename).write_bytes(b"my own build")
    before = repo.identity()
    done = repo.run("refresh", "--packages", "everything", *repo.flags(), expect=3)
    assert f"in conflict:\n  {alpha.filename}: another file" in done.stdout
    assert (repo.path / alpha.filename).read_bytes() == b"my own build"
    assert repo.identity()[alpha.filename] == before[alpha.filename]
    assert beta.filename in repo.names()
    assert not any(alpha.filename in path for path in pypi.paths())


def test_a_conflict_is_fetched_over_when_that_is_wanted(repo: Repository, alpha: BuiltFile) -> None:
    repo.path.mkdir()
    (repo.path / alpha.filename).write_bytes(b"my own build")
    repo.refresh("alpha", expect=3)
    repo.refresh("alpha", "--replace")
    repo.holds(alpha)
    assert repo.refresh("alpha").conflicts == ()


def test_a_conflict_ends_when_the_file_is_moved_away(repo: Repository, alpha: BuiltFile) -> None:
    repo.path.mkdir()
    (repo.path / alpha.filename).write_bytes(b"my own build")
    repo.refresh("alpha", expect=3)
    (repo.path / alpha.filename).unlink()
    repo.refresh("alpha")
    repo.holds(alpha)


def test_a_file_of_the_right_size_but_other_content_is_a_conflict(
    repo: Repository, alpha: BuiltFile
) -> None:
    repo.path.mkdir()
    (repo.path / alpha.filename).write_bytes(b"x" * alpha.size)
    repo.refresh("alpha", expect=3)
    assert (repo.path / alpha.filename).read_bytes() == b"x" * alpha.size


def test_a_symbolic_link_counts_as_what_it_points_to(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile
) -> None:
    repo.path.mkdir()
    store = repo.path.parent / "store"
    store.mkdir()
    alpha.write_to(store)
    (repo.path / alpha.filename).symlink_to(store / alpha.filename)
    report = repo.refresh("alpha")
    assert (report.adopted, pypi.paths("/files/")) == (1, [])
    assert (repo.path / alpha.filename).is_symlink()


def test_a_dangling_link_and_a_directory_in_the_way(
    repo: Repository, alpha: BuiltFile, beta: BuiltFile
) -> None:
    repo.path.mkdir()
    (repo.path / alpha.filename).symlink_to("nowhere")
    (repo.path / beta.filename).mkdir()
    done = repo.run("refresh", "alpha", "beta", *repo.flags())
    aside = f"{beta.filename}.not-a-file"
    assert f"{beta.filename}: was not a file; it was renamed to {aside}" in done.stderr
    assert (repo.path / aside).is_dir()
    repo.holds(alpha, beta)


def test_an_upstream_file_that_changed_under_its_name_is_fetched_again(
    repo: Repository, index: FakeIndex, alpha: BuiltFile
) -> None:
    repo.refresh_all()
    index.remove_file("alpha", alpha.filename)
    other = build_wheel("alpha", "1.0", payload_size=10)
    index.add("alpha", other)
    repo.refresh_all()
    repo.holds(other)
