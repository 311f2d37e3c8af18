"""What the tests of imports begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.bundles import Outside
from tests.support.importing import PROGRAMS, Inside
from tests.support.packages import build_sdist, build_wheel


@pytest.fixture(params=PROGRAMS)
def inside(request: pytest.FixtureRequest, tmp_path: Path) -> Inside:
    """A repository that is not there yet."""
    return Inside(tmp_path / "inside", request.param)


@pytest.fixture
def outside() -> Outside:
    """A repository outside, with some projects."""
    made = Outside()
    made.put(
        build_wheel("Foo.Bar", "1.0", requires_python=">=3.8"),
        build_sdist("Foo.Bar", "1.0"),
        build_wheel("dep", "1.0"),
        build_wheel("dep", "1.1"),
        build_sdist("lone", "0.1"),
    )
    return made
