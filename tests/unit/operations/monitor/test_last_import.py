"""The last import for monitors: age, refusals, and volumes that are awaited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from microrepo.config.schema import Config
from microrepo.exit_codes import ExitCode
from microrepo.operations.monitor.health import Health, health
from microrepo.operations.monitor.last_import import last_import
from microrepo.stores.flat_directory import FlatDirectory
from tests.support.bundles import ORIGIN, Outside
from tests.support.importing import PROGRAMS, Inside
from tests.support.packages import build_sdist, build_wheel

DAY_S = 86_400.0


@pytest.fixture(params=PROGRAMS)
def inside(request: pytest.FixtureRequest, tmp_path: Path) -> Inside:
    return Inside(tmp_path / "inside", request.param)


@pytest.fixture
def outside() -> Outside:
    made = Outside()
    made.put(build_wheel("dep", "1.0"), build_sdist("lone", "1.0"))
    return made


def health_of(inside: Inside, max_age_s: float = DAY_S) -> Health:
    return health(Config(repository=str(inside.root)), max_age_s)


def test_without_imports(tmp_path: Path) -> None:
    assert last_import(FlatDirectory(tmp_path)) is None


def test_a_fresh_import_is_fine(inside: Inside, outside: Outside, tmp_path: Path) -> None:
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    inside.index()
    found = health_of(inside)
    assert (found.exit_code, found.problems) == (ExitCode.DONE, ())
    assert found.last_import is not None
    assert (found.last_import.origin, found.last_import.sequence) == (ORIGIN, 1)
    assert found.import_age_s is not None
    assert found.import_age_s < DAY_S


def test_an_old_import_is_not(inside: Inside, outside: Outside, tmp_path: Path) -> None:
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    inside.index()
    path = inside.root / ".microrepo/imports/current.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "imported_at": "2020-01-01T00:00:00Z"}))
    found = health_of(inside)
    assert found.exit_code == ExitCode.FAILED
    assert "the last import was" in found.problems[0]


def test_volumes_that_are_awaited(inside: Inside, outside: Outside, tmp_path: Path) -> None:
    inside.ok(*outside.bundle().write(tmp_path / "0"))
    before = outside.snapshot()
    outside.put(build_wheel("dep", "2.0"), build_wheel("dep", "3.0"))
    first, *rest = outside.bundle(before).write(tmp_path / "1", split_bytes=700)
    assert inside.run(first).code == 3
    found = last_import(FlatDirectory(inside.root))
    assert found is not None
    assert found.missing_volumes == tuple(range(2, len(rest) + 2))
    assert "incomplete" in found.refused
    assert any("waits for its volumes" in problem for problem in health_of(inside).problems)
    inside.ok(*rest)
    found = last_import(FlatDirectory(inside.root))
    assert found is not None
    assert (found.missing_volumes, found.refused, found.sequence) == ((), "", 2)


def test_a_refusal(inside: Inside, outside: Outside, tmp_path: Path) -> None:
    old = outside.bundle().write(tmp_path / "0")
    outside.put(build_wheel("dep", "2.0"))
    inside.ok(*outside.bundle().write(tmp_path / "1"))
    assert inside.run(*old).code == 1
    found = last_import(FlatDirectory(inside.root))
    assert found is not None
    assert "older" in found.refused
    assert any("was not applied" in problem for problem in health_of(inside).problems)
