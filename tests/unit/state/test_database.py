"""What a repository remembers, written and read back."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from microrepo.errors import StateCorrupt
from microrepo.model import Cause, Digests, File, NormalizedName, Project
from microrepo.state import (
    FileRow,
    HistoryRow,
    Owner,
    ProjectRow,
    Requirer,
    RunTotals,
    State,
    open_state,
    pack,
    read_state,
    unpack,
)
from microrepo.state.opening import on_network

FOO, BAR = NormalizedName("foo"), NormalizedName("bar")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def state(path: Path) -> Iterator[State]:
    opened, warning = open_state(path)
    assert warning is None
    yield opened
    opened.close()


def file_row(filename: str, project: NormalizedName = FOO, *, present: bool = True) -> FileRow:
    return FileRow(
        filename,
        project,
        "1.0",
        f"https://f.example/{filename}",
        10,
        Digests("a" * 64, "b" * 64, "c" * 32),
        present,
        1_717_158_896_123_456_789,
        Cause.REQUIRED,
        "Python 3.11",
        Owner.PERSON,
    )


def project_row(name: NormalizedName) -> ProjectRow:
    return ProjectRow(
        name,
        name.title(),
        serial=5,
        etag='"x"',
        status="archived",
        complete=True,
        policy="p",
        checked_at="c",
        error="e",
        failures=2,
        retry_at="r",
        reconsider_at="n",
    )


PROJECT = Project(FOO, "Foo", 5, files=(File("bär-1.zip", "u", "1", "sdist"),), versions=("1",))


# --- meta ---------------------------------------------------------------------------------------------


def test_meta(state: State) -> None:
    assert state.meta("colour") is None
    state.set_meta("colour", "grün")
    state.set_meta("colour", "blau")
    assert state.meta("colour") == "blau"
    state.delete_meta("colour")
    assert state.meta("colour") is None


# --- projects -----------------------------------------------------------------------------------------


def test_project_rows_come_back_as_they_went(state: State) -> None:
    rows = {FOO: project_row(FOO), BAR: ProjectRow(BAR, "Bar")}
    state.save_projects(rows.values())
    assert state.projects() == rows
    assert state.projects([FOO, "unknown"]) == {FOO: rows[FOO]}
    assert state.projects([]) == {}


def test_known_projects_tell_what_decides_on_looking_again(state: State) -> None:
    state.save_projects([project_row(FOO)])
    assert list(state.iter_known()) == [("foo", "Foo", 5, 1, "p", "r", "n", "")]


def test_documents_come_back_as_they_went(state: State) -> None:
    state.save_documents([("foo", pack(PROJECT))])
    assert state.documents(["foo", "bar"]) == {"foo": PROJECT}
    assert state.packed_documents(["foo"]) == {"foo": pack(PROJECT)}


def test_more_names_than_one_query_takes(state: State) -> None:
    rows = [ProjectRow(NormalizedName(f"p{number}"), "P") for number in range(2100)]
    state.save_projects(rows)
    assert len(state.projects(row.name for row in rows)) == 2100


def test_forgotten_projects(state: State) -> None:
    state.save_projects([project_row(FOO), project_row(BAR)])
    state.save_documents([("foo", pack(PROJECT)), ("bar", pack(PROJECT))])
    state.forget_projects(["foo", "unknown"])
    assert set(state.projects()) == {"bar"}
    assert set(state.documents(["foo", "bar"])) == {"bar"}


def test_damaged_document_is_told() -> None:
    for document in (b"", b"x", pack(PROJECT)[:-5], pack(PROJECT)[5:]):
        with pytest.raises(StateCorrupt, match="cannot be read"):
            unpack(document)


# --- files --------------------------------------------------------------------------------------------


def test_file_rows_come_back_as_they_went(state: State) -> None:
    rows = [file_row("a.whl"), file_row("b.whl", BAR, present=False)]
    state.save_files(rows)
    assert sorted(state.files(), key=lambda row: row.filename) == rows
    assert list(state.files([BAR])) == [rows[1]]
    assert state.files_named(["a.whl", "unknown"]) == {"a.whl": rows[0]}


def test_file_without_size_and_digests(state: State) -> None:
    row = FileRow("a.whl", FOO, "1", "u", None, Digests(), present=False)
    state.save_files([row])
    assert state.files_named(["a.whl"]) == {"a.whl": row}


def test_counts_are_of_present_files(state: State) -> None:
    assert (state.count_present(), state.present_bytes()) == (0, 0)
    state.save_files([file_row("a"), file_row("b"), file_row("c", present=False)])
    assert (state.count_present(), state.present_bytes()) == (2, 20)
    assert [state.count_present(at_most) for at_most in (0, 1, 2, 3)] == [0, 1, 2, 2]
    assert [state.count_recorded(at_most) for at_most in (2, 3, 4)] == [2, 3, 3]


def test_stats_of_present_files_in_the_order_of_their_names(state: State) -> None:
    state.save_files([file_row("c"), file_row("a"), file_row("b", present=False), file_row("d")])
    assert [row[0] for row in state.iter_stats()] == ["a", "c", "d"]
    assert list(state.iter_stats(after="a", limit=1)) == [("c", "foo", 10, 1717158896123456789)]


def test_deleted_files_take_their_requirers_along(state: State) -> None:
    state.save_files([file_row("a"), file_row("b")])
    state.save_requirers([Requirer("a", "env", "foo"), Requirer("b", "env", "foo")], replace=True)
    state.delete_files(["a", "unknown"])
    assert set(state.files_named(["a", "b"])) == {"b"}
    assert state.requirers("a") == []
    assert state.requirers("b") == [Requirer("b", "env", "foo")]


@pytest.mark.parametrize(
    ("replace", "expected"), [(True, {"b"}), (False, {"a", "b"})], ids=["replace", "add"]
)
def test_requirers(state: State, replace: bool, expected: set[str]) -> None:
    state.save_requirers([Requirer("a", "env", "foo", "bar 1.0")], replace=False)
    state.save_requirers([Requirer("b", "env", "foo")], replace=replace)
    assert {row.filename for row in state.all_requirers()} == expected


def test_metadata(state: State) -> None:
    state.save_metadata([("a.whl", "digest", b"packed")])
    assert state.metadata(["a.whl", "b.whl"]) == {"a.whl": ("digest", b"packed")}


# --- runs and history ---------------------------------------------------------------------------------


def test_runs_newest_first(state: State) -> None:
    first, second = state.start_run("t1", "refresh"), state.start_run("t2")
    totals = RunTotals(1, 200, 3, 400, 5)
    state.end_run(first, "t3", 3, "{}", totals)
    runs = state.runs()
    assert [run.id for run in runs] == [second, first]
    assert (runs[1].started_at, runs[1].ended_at, runs[1].exit_code) == ("t1", "t3", 3)
    assert (runs[1].command, runs[1].totals) == ("refresh", totals)
    assert (runs[0].ended_at, runs[0].exit_code, runs[0].report) == (None, None, None)
    assert len(state.runs(limit=1)) == 1


def test_history_newest_first_of_one_project_or_of_all(state: State) -> None:
    run = state.start_run("t1")
    rows = [
        HistoryRow(run, "foo", "a", "add", Cause.SELECTED, "why", 5, at="t1"),
        HistoryRow(run, "bar", "b", "delete", Cause.REMOVED, at="t1"),
    ]
    state.add_history(rows)
    assert state.history() == rows[::-1]
    assert state.history("foo") == rows[:1]
    assert state.history(limit=1) == rows[1:]


# --- transactions and the log -------------------------------------------------------------------------


def test_transaction_that_fails_leaves_nothing(state: State) -> None:
    def write() -> None:
        with state.transaction():
            state.set_meta("colour", "blau")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write()
    assert state.meta("colour") is None
    with state.transaction():
        state.set_meta("colour", "rot")
    assert state.meta("colour") == "rot"


def test_full_disk_leaves_the_state_usable(state: State) -> None:
    (pages,) = state._db.execute("PRAGMA page_count").fetchone()
    state._db.execute(f"PRAGMA max_page_count = {pages}")

    def write() -> None:
        with state.transaction():
            state.save_documents([("foo", b"x" * 100_000)])

    with pytest.raises(sqlite3.OperationalError, match="full"):
        write()
    state._db.execute("PRAGMA max_page_count = 1000000")
    write()
    assert set(state.packed_documents(["foo"])) == {"foo"}


def test_commit_that_fails_leaves_no_open_transaction(state: State) -> None:
    """A deferred foreign key stands for whatever keeps a commit from being made."""
    state._db.execute("PRAGMA foreign_keys = ON")
    state._db.execute("CREATE TABLE child(x REFERENCES projects DEFERRABLE INITIALLY DEFERRED)")

    def write() -> None:
        with state.transaction():
            state.set_meta("colour", "blau")
            state._db.execute("INSERT INTO child VALUES ('nobody')")

    with pytest.raises(sqlite3.IntegrityError):
        write()
    with state.transaction():
        assert state.meta("colour") is None


def test_writes_are_in_a_log_until_the_state_is_closed(path: Path) -> None:
    state, _ = open_state(path)
    with state.transaction():
        state.set_meta("colour", "blau")
    assert path.with_name("state.db-wal").stat().st_size > 0
    state.close()
    assert [entry.name for entry in path.parent.iterdir()] == ["state.db"]


def test_closed_state_is_whole_in_one_file(path: Path, tmp_path: Path) -> None:
    state, _ = open_state(path)
    state.set_meta("colour", "blau")
    state.close()
    copy = tmp_path / "copy.db"
    copy.write_bytes(path.read_bytes())
    reader = read_state(copy)
    assert reader.meta("colour") == "blau"
    reader.close()


def test_reader_beside_a_writer_sees_what_is_committed(state: State, path: Path) -> None:
    state.set_meta("colour", "blau")
    with state.transaction():
        state.set_meta("colour", "rot")
        reader = read_state(path)
        assert reader.meta("colour") == "blau"
        reader.close()


def test_reader_cannot_write(state: State, path: Path) -> None:
    reader = read_state(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.set_meta("colour", "blau")
    reader.close()


def test_path_with_spaces_and_unicode(tmp_path: Path) -> None:
    folder = tmp_path / "mit Leerzeichen & 100% 包 ?#"
    folder.mkdir()
    state, _ = open_state(folder / "state.db")
    state.set_meta("colour", "blau")
    state.close()
    reader = read_state(folder / "state.db")
    assert reader.meta("colour") == "blau"
    reader.close()


def test_file_system_of_this_test_is_a_local_one(tmp_path: Path) -> None:
    kind = subprocess.run(
        ["stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert on_network(tmp_path) == (kind in {"nfs", "smb", "smb2", "lustre", "ceph", "v9fs"})
