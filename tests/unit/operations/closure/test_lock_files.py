"""Lock files: what stands in them, and when they are written."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from packaging.pylock import Pylock

from microrepo.formats.times import parse_time
from microrepo.formats.toml import read_table
from microrepo.model import NormalizedName
from microrepo.operations.closure.lock_files import warnings_of, write_locks
from microrepo.selection.closure.lock_sets import LockedSet, Locks
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.resolution_records import Edge, GoalFailure, Pin, Resolution
from tests.support.closure_world import goal
from tests.support.packages import BuiltFile, build_sdist, build_wheel
from tests.support.shelf import UPLOADED, Shelf

APP = build_wheel("app", "1.0", requires_python=">=3.8")
BASE, BASE_SDIST = build_wheel("base", "2.0"), build_sdist("base", "2.0")
FILENAME = "pylock.linux.toml"


def lock_at(place: Path) -> Pylock:
    return Pylock.from_dict(read_table((place / FILENAME).read_bytes(), FILENAME))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "locks"


def pin(shelf: Shelf, *built: BuiltFile, edges: tuple[Edge, ...]) -> Pin:
    files = tuple(shelf.hold(one) for one in built)
    name, version = NormalizedName(built[0].name), built[0].version
    return Pin(name, version, (), files, files[0].filename, False, False, edges)


@pytest.fixture
def locked(shelf: Shelf, linux: Environment) -> LockedSet:
    """App, which requires base."""
    pins = (
        pin(shelf, APP, edges=(Edge("app", ""),)),
        pin(shelf, BASE, BASE_SDIST, edges=(Edge("base", "app==1.0"),)),
    )
    return LockedSet(FILENAME, ("app",), linux, Resolution(goal("app", ["app"]), "linux", pins))


def test_a_lock_names_files_digests_and_dependencies(
    shelf: Shelf, place: Path, locked: LockedSet
) -> None:
    written = write_locks(place, shelf.directory, shelf.state, Locks((locked,)))
    assert (written.paths, written.changed) == ((str(place / FILENAME),), 1)
    lock = lock_at(place)
    app, base = lock.packages
    (wheel,) = app.wheels or ()
    assert (wheel.hashes, wheel.size) == ({"sha256": APP.sha256}, APP.size)
    assert wheel.upload_time == parse_time(UPLOADED)
    assert base.sdist is not None
    assert base.sdist.upload_time == parse_time(UPLOADED)
    assert (place / str(wheel.path)).resolve() == (shelf.path / APP.filename).resolve()
    assert (str(app.requires_python), app.dependencies) == (">=3.8", [{"name": "base"}])
    assert base.sdist is not None
    assert (place / str(base.sdist.path)).resolve().name == BASE_SDIST.filename
    (marker,) = lock.environments or ()
    assert 'sys_platform == "linux"' in str(marker)
    assert 'python_version == "3.11"' in str(marker)


def test_an_unchanged_lock_is_left_alone(shelf: Shelf, place: Path, locked: LockedSet) -> None:
    write_locks(place, shelf.directory, shelf.state, Locks((locked,)))
    before = (place / FILENAME).stat().st_ino
    again = write_locks(place, shelf.directory, shelf.state, Locks((locked,)))
    assert (again.changed, len(again.paths)) == (0, 1)
    assert (place / FILENAME).stat().st_ino == before


def test_a_lock_that_would_lose_a_goal_stays(shelf: Shelf, place: Path, locked: LockedSet) -> None:
    lacking = msgspec.structs.replace(locked, lacks=("other",))
    write_locks(place, shelf.directory, shelf.state, Locks((lacking,)))
    assert (place / FILENAME).exists()  # there was none to lose
    (place / FILENAME).write_text("as it was")
    written = write_locks(place, shelf.directory, shelf.state, Locks((lacking,)))
    assert (written.changed, written.paths) == (0, (str(place / FILENAME),))
    assert (place / FILENAME).read_text() == "as it was"


def test_a_file_whose_digest_is_not_recorded_is_read(
    shelf: Shelf, place: Path, locked: LockedSet
) -> None:
    with shelf.state.transaction():
        shelf.state.delete_files([APP.filename])
    write_locks(place, shelf.directory, shelf.state, Locks((locked,)))
    (wheel,) = lock_at(place).packages[0].wheels or ()
    assert wheel.hashes == {"sha256": APP.sha256}


def test_a_place_that_cannot_be_written_to(shelf: Shelf, place: Path, locked: LockedSet) -> None:
    place.write_text("a file")
    written = write_locks(place, shelf.directory, shelf.state, Locks((locked,)))
    ((path, why),) = written.errors
    assert (path, written.paths) == (str(place / FILENAME), ())
    assert why


def test_warnings_name_what_is_in_no_lock(linux: Environment) -> None:
    one, other = goal("one", ["one"]), goal("other", ["other"])
    apart = GoalFailure(goal("packages", ["a"]), "linux", ("a conflict",))
    locks = Locks((), (apart,), (GoalFailure(one, "linux", ()), GoalFailure(other, "linux", ())))
    texts = list(warnings_of(locks, {("other", "linux")}))
    assert len(texts) == 2
    assert "a conflict" in texts[0]
    assert "one for linux" in texts[1]
