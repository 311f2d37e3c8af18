"""A list that is older than one seen before, as a cache that lags behind gives out."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.support.faults import Mutate
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}


@pytest.fixture
def alpha(index: FakeIndex) -> BuiltFile:
    built = build_wheel("alpha", "1.0")
    index.add("alpha", built)
    return built


@pytest.fixture
def old_list(pypi: PyPIServer, alpha: BuiltFile) -> dict[str, Any]:
    """The list as it was when there was nothing but alpha 1.0."""
    listed: dict[str, Any] = requests.get(pypi.simple_url, headers=JSON, timeout=30).json()
    return listed


def test_nothing_is_taken_for_removed(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, old_list: dict[str, Any]
) -> None:
    newer, beta = build_wheel("alpha", "2.0"), build_wheel("beta", "1.0")
    index.add("alpha", newer)
    index.add("beta", beta)
    repo.refresh_all()
    repo.holds(newer, beta)
    pypi.fault("/simple/", Mutate(lambda _: old_list))
    pypi.reset()
    report = repo.refresh_all(expect=3)
    repo.holds(newer, beta)
    assert "older than the one of an earlier run" in report.failed[0].why
    assert pypi.count() == 1  # the list alone: what is known is newer than it
    repo.refresh_all(expect=3)  # nor did that run take the old list for the newest
    repo.holds(newer, beta)
    pypi.clear_faults()
    index.remove_project("beta")
    report = repo.refresh_all()
    assert not report.failed
    repo.holds(newer)


def test_whoever_insists_has_it_believed(
    repo: Repository, pypi: PyPIServer, index: FakeIndex, old_list: dict[str, Any], alpha: BuiltFile
) -> None:
    index.add("beta", build_wheel("beta", "1.0"))
    repo.refresh_all()
    pypi.fault("/simple/", Mutate(lambda _: old_list))
    repo.refresh_all("--force-check")
    repo.holds(alpha)
    assert not repo.refresh_all().failed
