"""Two hundred refreshes of an index that changes meanwhile, many of them killed.

`MICROREPO_SOAK_SEED` chooses another course, `MICROREPO_SOAK_API` what is read (json or simple);
`MICROREPO_SOAK_REFRESHES`, `MICROREPO_SOAK_PROJECTS`
and `MICROREPO_SOAK_LISTED` another size. A small one is part of the normal run
(`tests/functional/test_changing_index.py`).
"""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from tests.support.course import Course
from tests.support.index import FakeIndex
from tests.support.programs import MicrorepoRunner
from tests.support.server import PyPIServer

pytestmark = pytest.mark.soak

SEED = os.environ.get("MICROREPO_SOAK_SEED", "1")
REFRESHES = int(os.environ.get("MICROREPO_SOAK_REFRESHES", "200"))
PROJECTS = int(os.environ.get("MICROREPO_SOAK_PROJECTS", "5000"))
LISTED = int(os.environ.get("MICROREPO_SOAK_LISTED", "5000"))
API = os.environ.get("MICROREPO_SOAK_API", "json")
_PATIENCE_S = 900.0


def test_a_mirror_follows_an_index_through_kills(
    tmp_path: Path, run_microrepo: MicrorepoRunner, pypi: PyPIServer, index: FakeIndex
) -> None:
    course = Course(
        tmp_path, run_microrepo, pypi, index, SEED, projects=PROJECTS, listed=LISTED, api=API,
        patience_s=_PATIENCE_S,
    )  # fmt: skip
    rng = random.Random(SEED)
    course.begin()
    started = time.monotonic()
    while course.refreshes < REFRESHES:
        course.go_on(kill=rng.random() < 0.6, changes=rng.choice((0, 1, 5, 40)))
        if course.refreshes % 25 < 2:
            course.settle()
        print(f"{course.refreshes} refreshes, {time.monotonic() - started:.0f} s", flush=True)
    course.settle()
    print(
        f"{course.refreshes} refreshes, {course.kills} killed, {course.requests} requests, "
        f"changes: {course.life.counts}"
    )
