"""An index too large for one wave: nothing is asked for twice, nothing is left out."""

from __future__ import annotations

from collections import Counter

import pytest

from microrepo.operations.refresh.batches import BATCH_PROJECTS
from tests.support.faults import Status
from tests.support.index import FakeIndex
from tests.support.packages import BuiltFile, build_wheel
from tests.support.repository import Repository
from tests.support.server import PyPIServer

PROJECTS = 2 * BATCH_PROJECTS + 30


@pytest.fixture
def files(index: FakeIndex) -> list[BuiltFile]:
    """One small file of each project, in the order of their names."""
    built = [build_wheel(f"p{number:04}", "1") for number in range(PROJECTS)]
    for file in built:
        index.add(file.name, file)
    return built


def test_waves(
    repo: Repository, index: FakeIndex, pypi: PyPIServer, files: list[BuiltFile]
) -> None:
    repo.settings = (*repo.settings, "--connections", "10")
    lost = files[BATCH_PROJECTS + 5]
    pypi.fault(f"*/{lost.filename}", Status(404))
    report = repo.refresh_all(expect=3, timeout_s=180)
    kept = [file for file in files if file is not lost]
    repo.holds(*kept)
    assert (report.projects, report.downloaded) == (PROJECTS, len(kept))
    assert set(Counter(pypi.paths()).values()) == {1}
    assert pypi.count() == 1 + PROJECTS + PROJECTS

    pypi.clear_faults()
    changed = [build_wheel(file.name, "2") for file in (files[1], files[-1])]
    for file in changed:
        index.add(file.name, file)
    index.remove_project(files[BATCH_PROJECTS].name)
    pypi.reset()
    report = repo.refresh_all(timeout_s=180)
    gone = {files[1], files[-1], files[BATCH_PROJECTS]}
    repo.holds(*(file for file in files if file not in gone), *changed)
    # The two new files, and the one that could not be had: its document is known already.
    assert (report.downloaded, report.deleted) == (3, 3)
    assert pypi.count("/pypi/") == 2
    assert pypi.count() == 1 + 2 + 3
