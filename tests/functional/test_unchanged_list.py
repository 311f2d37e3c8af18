"""A list that is the same as in the run before is not compared again, and hides nothing."""

from __future__ import annotations

import pytest

from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    built = build_wheel("alpha", "1.0")
    index.add("alpha", built)
    return built


@pytest.fixture
def beta(index: FakeIndex) -> BuiltFile:
    built = build_wheel("beta", "1.0")
    index.add("beta", built)
    return built


@pytest.fixture(params=[True, False], ids=["by ETag", "by digest"])
def settled(
    repo: Repository,
    pypi: PyPIServer,
    alpha: BuiltFile,
    beta: BuiltFile,
    request: pytest.FixtureRequest,
) -> Repository:
    """A repository with both files, of which a run found that nothing is to be done."""
    pypi.switches.no_etags = not request.param
    repo.refresh_all()
    repo.refresh_all()
    repo.holds(alpha, beta)
    pypi.reset()
    return repo


def is_settled(repo: Repository) -> bool:
    """Return whether the newest run left a list that the next one need not compare."""
    runs = repo.query(
        "SELECT (SELECT max(id) FROM runs), json_extract(value, '$.run') FROM meta "
        "WHERE key = 'settled_list'"
    )
    return bool(runs) and runs[0][0] == runs[0][1]


def test_the_same_list_is_asked_for_conditionally_and_once(
    settled: Repository, pypi: PyPIServer, alpha: BuiltFile, beta: BuiltFile
) -> None:
    assert is_settled(settled)
    for _ in range(2):
        settled.refresh_all()
        assert is_settled(settled)
    settled.holds(alpha, beta)
    asked = pypi.requests
    assert [one.path for one in asked] == ["/simple/"] * 2
    has_validator = ["if-none-match" in one.headers for one in asked]
    assert has_validator == [not pypi.switches.no_etags] * 2


def test_a_file_that_went_missing_comes_back(
    settled: Repository, alpha: BuiltFile, beta: BuiltFile
) -> None:
    (settled.path / alpha.filename).unlink()
    settled.refresh_all()
    settled.holds(alpha, beta)


def test_a_deleted_project_comes_back(
    settled: Repository, alpha: BuiltFile, beta: BuiltFile
) -> None:
    settled.do("delete", "alpha")
    settled.holds(beta)
    settled.refresh_all()
    settled.holds(alpha, beta)


def test_a_project_that_the_state_lost_comes_back(
    settled: Repository, alpha: BuiltFile, beta: BuiltFile
) -> None:
    settled.do("verify")  # a run in between: what it did to the projects is not known
    settled.change_state("DELETE FROM projects WHERE name = 'alpha'")
    (settled.path / alpha.filename).unlink()
    settled.refresh_all()
    settled.holds(alpha, beta)


def test_new_releases_and_removed_projects_are_noticed(
    settled: Repository, index: FakeIndex, beta: BuiltFile
) -> None:
    newer = build_wheel("alpha", "2.0")
    index.add("alpha", newer)
    settled.refresh_all()
    settled.holds(newer, beta)
    settled.refresh_all()
    index.remove_project("beta")
    settled.refresh_all()
    settled.holds(newer)


def test_other_rules_select_again(
    settled: Repository, index: FakeIndex, alpha: BuiltFile, beta: BuiltFile
) -> None:
    gamma = build_wheel("gamma", "1.0")
    index.add("gamma", gamma)
    report = settled.refresh_all("--exclude", "gamma")
    assert report.unasked == 1
    assert settled.refresh_all("--exclude", "gamma").unasked == 1
    assert is_settled(settled)
    assert settled.refresh_all("--exclude", "gamma").unasked == 1
    settled.holds(alpha, beta)
    settled.refresh_all()
    settled.holds(alpha, beta, gamma)


def test_another_server_is_read_whatever_its_validators(
    settled: Repository, index: FakeIndex, pypi: PyPIServer, alpha: BuiltFile, beta: BuiltFile
) -> None:
    with PyPIServer(FakeIndex()) as other:
        gamma = build_wheel("gamma", "1.0")
        other.index.add("gamma", gamma)
        there = Repository(settled.path, other.url, settled.program, settled.settings)
        there.refresh_all("--removed", "keep")
        there.holds(alpha, beta, gamma)
        assert "if-none-match" not in other.requests[0].headers


def test_a_project_that_failed_keeps_the_list_unsettled(
    repo: Repository, pypi: PyPIServer, alpha: BuiltFile, beta: BuiltFile
) -> None:
    pypi.fault("/pypi/alpha/json", Status(500))
    repo.refresh_all("--retries", "0", expect=3)
    repo.refresh_all("--retries", "0", expect=None)
    assert not is_settled(repo)
    pypi.clear_faults()
    repo.change_state("UPDATE projects SET retry_at = NULL")
    repo.refresh_all()
    repo.holds(alpha, beta)
