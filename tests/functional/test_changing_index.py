"""An index that changes while it is mirrored, by runs that are killed.

The same at size is `tests/soak/test_soak_changing.py`.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.course import Course
from tests.support.index import FakeIndex
from tests.support.programs import MicrorepoRunner
from tests.support.server import PyPIServer


def test_a_mirror_ends_equal_to_an_index_that_changed_under_it(
    tmp_path: Path, run_microrepo: MicrorepoRunner, pypi: PyPIServer, index: FakeIndex
) -> None:
    course = Course(tmp_path, run_microrepo, pypi, index, seed=5, projects=60, listed=100)
    course.begin()
    for kill, changes in ((True, 30), (False, 12), (True, 12), (True, 3), (False, 0)):
        course.go_on(kill=kill, changes=changes)
    course.settle()
