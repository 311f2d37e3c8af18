"""The law of goals: what was met and is still asked for is still met, after any sequence of runs.

Settings change between the runs, the index changes, and it misbehaves: it fails, forgets, shrinks, lags
behind. Whether a goal is met is read off the files on disk.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement

from microrepo import refresh
from microrepo.config.load import load
from microrepo.errors import MicrorepoError
from microrepo.operations.run.goals import read_requests
from tests.support.answers import Request
from tests.support.faults import NotJSON, Status
from tests.support.index import FakeIndex
from tests.support.moods import Moods
from tests.support.packages import build_sdist, build_wheel
from tests.support.server import PyPIServer

_LAW = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
_REQUIRES = {"app": ("lib>=1",), "lib": ("base",), "base": ()}
_NAMES = tuple(_REQUIRES)
_VERSIONS = ("1.0", "2.0", "3.0")
_GOALS = ("app", "app==1.0", "app>=2", "lib", "lib==1.0", "lib<3", "base", "base==2.0", "base>9")
_SETTINGS: tuple[dict[str, Any], ...] = (
    *({}, {}, {}, {"versions": "all"}, {"versions": 2}),
    *({"package_types": ["sdist"]}, {"exclude_files": ["."]}, {"max_file_size": 1}),
    *(
        {"uploaded_before": "2001-01-01"},
        {"allow_releases": ["^1"]},
        {"platforms": ["win32", "any"]},
    ),
    *({"removed": "quarantine"}, {"removed": "keep"}, {"api": "simple"}, {"prune": False}),
)
_CHANGES = (
    *("release", "release", "sdist", "gone", "emptied", "shrunken", "yanked", "back"),
    *("document", "file", "content", "stale", "down", "portal", "well", "well"),
)


class _Run(msgspec.Struct, frozen=True):
    """One run, and what happens to the index before it."""

    changes: tuple[tuple[str, str], ...]
    goals: tuple[str, ...]
    dependencies: bool
    settings: dict[str, Any]


_RUNS = st.builds(
    _Run,
    changes=st.lists(st.tuples(st.sampled_from(_CHANGES), st.sampled_from(_NAMES)), max_size=3).map(
        tuple
    ),
    goals=st.lists(st.sampled_from(_GOALS), min_size=1, max_size=3, unique=True).map(tuple),
    dependencies=st.booleans(),
    settings=st.sampled_from(_SETTINGS),
)


class _World:
    """An index and its moods."""

    def __init__(self, index: FakeIndex, server: PyPIServer) -> None:
        self._index, self._server = index, server
        self._next = dict.fromkeys(_NAMES, 0)
        self.moods = Moods(server, _ignore, "/pypi/{}/json")
        for name in _NAMES:
            self.change("release", name)

    def change(self, what: str, name: str) -> None:
        """Change the index, or how it treats a project."""
        if what in {"document", "file", "content"}:
            self.moods.fail(name, what)  # type: ignore[arg-type]
        elif what == "well":
            self.moods.end()
            self._server.clear_faults()
            self._server.fault("*", self.moods)
        elif what in {"down", "portal"}:
            self._server.clear_faults()
            self._server.fault("*", Status(503) if what == "down" else NotJSON())
        else:
            with suppress(KeyError, IndexError, ValueError):
                self._publish(what, name)

    def _publish(self, what: str, name: str) -> None:
        index, count = self._index, self._next[name]
        found = index.find(name)
        files = [file.filename for file in found.files] if found is not None else []
        if what in {"release", "sdist", "back"}:
            version = _VERSIONS[0 if what == "back" else count % len(_VERSIONS)]
            build = build_sdist if what == "sdist" else build_wheel
            built = build(name, version, requires_dist=list(_REQUIRES[name]))
            if built.filename not in files:
                index.add(name, built)
            self._next[name] += what == "release"
        elif what == "stale":
            self.moods.age(name, 2)
        elif what == "gone":
            index.remove_project(name)
        elif what == "yanked" and found is not None:
            index.yank(name, found.files[-1].version)
        else:
            for filename in files if what == "emptied" else files[:1]:
                index.remove_file(name, filename)


def _ignore(_: Request) -> None:
    pass


def _is_met(text: str, directory: Path, *, dependencies: bool) -> bool:
    """Return whether some file on disk is what a requirement asks for, with all that it needs."""
    requirement = Requirement(text)
    for path in directory.glob(f"{requirement.name}-*"):
        version = path.name.removesuffix(".tar.gz").split("-")[1]
        if requirement.specifier.contains(version, prereleases=True) and (
            not dependencies
            or all(
                _is_met(one, directory, dependencies=True) for one in _REQUIRES[requirement.name]
            )
        ):
            return True
    return False


def _law(runs: list[_Run]) -> None:
    index = FakeIndex()
    with TemporaryDirectory() as name, PyPIServer(index) as server:
        world, directory = _World(index, server), Path(name) / "repository"
        for number, run in enumerate(runs):
            for what, project in run.changes if number else ():
                world.change(what, project)
            met = _met(run, directory)
            said = _refresh(run, directory, server.url)
            lost = met - _met(run, directory)
            event(f"met before: {len(met)}, {said[:6]}")
            assert not lost, f"{lost} in run {number} of {runs}: {said}"


def _met(run: _Run, directory: Path) -> set[str]:
    def is_met(goal: str) -> bool:
        return _is_met(goal, directory, dependencies=run.dependencies)

    return set(filter(is_met, run.goals))


def _refresh(run: _Run, directory: Path, url: str) -> str:
    """Refresh by the settings of a run; return how it ended."""
    common = {
        "repository": str(directory),
        "source": url,
        "packages": list(run.goals),
        "dependencies": run.dependencies,
        "max_deletes": "100%",
        "min_free_space": 0,
        "processes": 1,
        "retries": 0,
        "server": False,
        "simple": False,
    }
    config = load(None, {**common, **run.settings}, {}).config
    try:
        report = refresh(config, read_requests(run.goals, directory))
    except MicrorepoError as error:
        return f"error: {error}"
    return f"exit {report.exit_code}: {report.failed} {report.missing}"


_EXAMPLES = st.lists(_RUNS, min_size=2, max_size=5)


@settings(_LAW, max_examples=8, derandomize=True)
@given(runs=_EXAMPLES)
@example(
    runs=[
        _Run((), ("app",), dependencies=False, settings={}),
        _Run(
            (("gone", "app"), ("release", "app")),
            ("app", "app==1.0"),
            dependencies=False,
            settings={},
        ),
    ]
)
def test_what_was_met_and_is_still_asked_for_is_still_met(runs: list[_Run]) -> None:
    _law(runs)


@pytest.mark.soak
@settings(_LAW, max_examples=int(os.environ.get("MICROREPO_LAW_EXAMPLES", "2000")))
@given(runs=_EXAMPLES)
def test_what_was_met_and_is_still_asked_for_is_still_met_at_length(runs: list[_Run]) -> None:
    _law(runs)
