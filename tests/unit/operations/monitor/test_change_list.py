"""The change list: what runs did to paths, told by what is there now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from microrepo.model import Cause, Digests, NormalizedName
from microrepo.operations.monitor.change_list import Change, changes_between, write_change_list
from microrepo.state import FileRow, HistoryRow, State, open_state
from microrepo.state.change_log import ROOT_PLACE
from microrepo.stores.flat_directory import FlatDirectory

FOO = NormalizedName("foo")
WHEEL, SDIST = "foo-1.0-py3-none-any.whl", "foo-1.0.tar.gz"


@pytest.fixture
def directory(tmp_path: Path) -> FlatDirectory:
    directory = FlatDirectory(tmp_path / "repository")
    directory.path.mkdir()
    directory.prepare()
    return directory


@pytest.fixture
def state(directory: FlatDirectory) -> Iterator[State]:
    state, _ = open_state(directory.state_file)
    yield state
    state.close()


def put(directory: FlatDirectory, path: str, text: str) -> str:
    """Write a file and return its digest."""
    target = directory.place(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()


def note(state: State, filename: str, action: str, cause: Cause = Cause.SELECTED) -> None:
    """Record that a run of its own did something to a file."""
    with state.transaction():
        run = state.start_run("2026-05-01T00:00:00.000000Z")
        state.add_history([HistoryRow(run, FOO, filename, action, cause, size=5, sha256="b" * 64)])


def changes(state: State, directory: FlatDirectory, *, digests: bool = True) -> list[Change]:
    last = state.changes.last_run()
    return list(changes_between(state, directory, 1, last, digests=digests))


def test_a_file_is_listed_by_what_is_there(state: State, directory: FlatDirectory) -> None:
    note(state, SDIST, "add")
    note(state, WHEEL, "add")
    note(state, WHEEL, "delete", Cause.SUPERSEDED)
    digest = put(directory, SDIST, "hello")
    assert changes(state, directory) == [
        Change(WHEEL, "delete", 5, "b" * 64, "superseded"),
        Change(f"{WHEEL}.metadata", "delete"),
        Change(SDIST, "add", 5, digest, "selected"),
    ]


def test_a_digest_is_taken_from_the_state_if_it_holds(
    state: State, directory: FlatDirectory
) -> None:
    note(state, SDIST, "add")
    put(directory, SDIST, "hello")
    disk = directory.stat(SDIST)
    assert disk is not None
    row = FileRow(SDIST, FOO, "1.0", "", 5, Digests("c" * 64), True, disk.mtime_ns)
    with state.transaction():
        state.save_files([row])
    assert [one.sha256 for one in changes(state, directory)] == ["c" * 64]
    with state.transaction():
        state.save_files([msgspec.structs.replace(row, mtime_ns=1)])
    assert changes(state, directory)[0].sha256 == hashlib.sha256(b"hello").hexdigest()
    assert [one.sha256 for one in changes(state, directory, digests=False)] == [None]


def test_pages_are_listed_after_files(state: State, directory: FlatDirectory) -> None:
    note(state, SDIST, "add")
    with state.transaction():
        for place in ("simple/foo/", ROOT_PLACE):
            state.changes.note(1, place)
    put(directory, SDIST, "hello")
    put(directory, "simple/foo/index.html", "page")
    put(directory, "simple/index.html", "root")
    found = [(one.path, one.action) for one in changes(state, directory, digests=False)]
    assert found[0] == (SDIST, "add")
    assert ("simple/foo/index.html", "add") in found[1:5]
    assert ("pypi/foo/json", "delete") in found[1:5]
    assert ("simple/index.html", "add") in found[5:]
    assert ("simple/index.v1_json", "delete") in found[5:]
    assert len({path for path, _ in found}) == len(found)


def test_the_list_is_written_as_json_and_as_two_texts(
    state: State, directory: FlatDirectory, tmp_path: Path
) -> None:
    note(state, SDIST, "add")
    note(state, "gone-1.0.zip", "delete")
    put(directory, SDIST, "hello")
    folder = tmp_path / "lists"
    folder.mkdir()
    files = write_change_list(state, directory, folder, "", 1, 2)
    assert files.adds.read_text() == f"{SDIST}\n"
    assert files.deletes.read_text() == "gone-1.0.zip\n"
    told = msgspec.json.decode(files.all.read_bytes())
    assert told["totals"] == {"add": 1, "add_bytes": 5, "delete": 1}
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in (files.all, files.adds, files.deletes)
    )
