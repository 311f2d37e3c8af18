"""Opening a state that is missing, old, new, damaged or on read-only media."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from microrepo.config.load import convert
from microrepo.errors import RepositoryError, StateCorrupt, UnknownSchema
from microrepo.model import Digests, NormalizedName, Project
from microrepo.operations.run.session import open_session
from microrepo.reporting import SilentReporter
from microrepo.state import (
    FileRow,
    HistoryRow,
    ProjectRow,
    explained_errors,
    open_state,
    pack,
    read_state,
    schema,
)
from microrepo.state.change_log import ChangedFile
from tests.support.programs import CHECKOUT

FOO = NormalizedName("foo")
TO_CURRENT = {schema.SCHEMA_VERSION - 1: "CREATE TABLE later(x TEXT);\nDROP TABLE older;\n"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state that holds enough to span many pages."""
    place = tmp_path / "state.db"
    state, _ = open_state(place)
    with state.transaction():
        state.set_meta("colour", "blau")
        for number in range(500):
            name = NormalizedName(f"p{number}")
            state.save_projects([ProjectRow(name, name, number)])
            state.save_documents([(name, pack(Project(name, name, versions=("1",))))])
            row = FileRow(f"{name}-1.zip", name, "1", "u", 1, Digests("a" * 64), "r", present=True)
            state.save_files([row])
    state.close()
    return place


def execute(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def query(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


def set_version(path: Path, version: object) -> None:
    execute(path, f"UPDATE meta SET value = '{version}' WHERE key = 'schema_version'")


# --- new ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prepare", [lambda path: None, Path.touch], ids=["missing", "empty file"])
def test_new_state(tmp_path: Path, prepare: Callable[[Path], None]) -> None:
    path = tmp_path / "state.db"
    prepare(path)
    state, warning = open_state(path)
    assert warning is None
    assert state.meta("schema_version") == str(schema.SCHEMA_VERSION)
    assert list(state.files()) == []
    state.close()


def test_opening_again_keeps_all(path: Path) -> None:
    state, warning = open_state(path)
    assert (warning, state.count_present()) == (None, 500)
    state.close()


def test_state_in_a_directory_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StateCorrupt, match="cannot be opened"):
        open_state(tmp_path / "nowhere" / "state.db")


# --- older and newer ----------------------------------------------------------------------------------


def make_older(path: Path) -> None:
    execute(path, "CREATE TABLE older(x TEXT)")
    set_version(path, schema.SCHEMA_VERSION - 1)


def test_older_state_is_migrated(path: Path) -> None:
    make_older(path)
    state, warning = open_state(path, TO_CURRENT)
    assert (warning, state.count_present(), state.meta("colour")) == (None, 500, "blau")
    state.close()
    tables = {name for (name,) in query(path, "SELECT name FROM sqlite_master")}
    assert "later" in tables
    assert "older" not in tables
    assert query(path, "SELECT value FROM meta WHERE key = 'schema_version'") == [
        (str(schema.SCHEMA_VERSION),)
    ]


def test_older_state_is_backed_up_before(path: Path) -> None:
    make_older(path)
    open_state(path, TO_CURRENT)[0].close()
    backup = path.with_name(f"state.db.schema{schema.SCHEMA_VERSION - 1}")
    assert query(backup, "SELECT count(*) FROM files") == [(500,)]
    assert query(backup, "SELECT count(*) FROM older") == [(0,)]


def test_migration_that_fails_leaves_the_older_state(path: Path) -> None:
    make_older(path)
    script = "CREATE TABLE later(x TEXT);\nDROP TABLE never_was;\n"
    with pytest.raises(StateCorrupt, match="never_was"):
        open_state(path, {schema.SCHEMA_VERSION - 1: script})
    assert query(path, "SELECT count(*) FROM older") == [(0,)]
    assert query(path, "SELECT count(*) FROM sqlite_master WHERE name = 'later'") == [(0,)]
    open_state(path, TO_CURRENT)[0].close()


def make_schema_2(path: Path) -> None:
    names = query(
        path,
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%tree_changes%'",
    )
    assert names
    execute(
        path,
        *(f"DROP TRIGGER {name}" for (name,) in names),
        *("DROP TABLE tree_changes", "DROP INDEX history_by_run"),
        "ALTER TABLE history DROP COLUMN sha256",
    )
    set_version(path, 2)


def test_state_without_change_lists_is_read_and_migrated(path: Path) -> None:
    """Schema 2: the files of a run are told before and after, without digests."""
    make_schema_2(path)
    execute(
        path,
        "INSERT INTO runs(started_at) VALUES ('2026-01-01')",
        "INSERT INTO history VALUES (1, 'foo', 'foo-1.zip', 'add', 'why', 5)",
    )
    for opening in (read_state, lambda where: open_state(where)[0], read_state):
        state = opening(path)
        changed = ChangedFile("foo-1.zip", "add", "why", 5, None)
        assert list(state.changes.files(1, 1)) == [changed]
        assert list(state.changes.places(1, 1)) == []
        assert state.history() == [HistoryRow(1, "foo", "foo-1.zip", "add", "why", 5)]
        state.close()


def test_state_without_sources_is_read_and_migrated(path: Path) -> None:
    """Schema 1: a reader sees no source, as does the writer once it has migrated."""
    make_schema_2(path)
    execute(path, "ALTER TABLE projects DROP COLUMN source")
    execute(path, "INSERT INTO projects(name, display_name) VALUES ('foo', 'Foo')")
    set_version(path, 1)
    for opening in (read_state, lambda where: open_state(where)[0], read_state):
        state = opening(path)
        assert [row[7] for row in state.iter_known() if row[0] == "foo"] == [""]
        assert state.projects(["foo"])["foo"].source == ""
        state.close()


def test_every_older_schema_has_a_migration() -> None:
    assert set(schema.VIEWS) == set(schema.MIGRATIONS)
    assert set(schema.MIGRATIONS) == set(range(1, schema.SCHEMA_VERSION))


@pytest.mark.parametrize("opening", [open_state, read_state])
def test_newer_state_is_refused_and_left_alone(
    path: Path, opening: Callable[[Path], object]
) -> None:
    set_version(path, 99)
    before = path.read_bytes()
    with pytest.raises(UnknownSchema) as caught:
        opening(path)
    assert caught.value.args == (path, 99, schema.SCHEMA_VERSION)
    assert path.read_bytes() == before


# --- damaged ------------------------------------------------------------------------------------------


def truncate(path: Path, keep: float) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])


def scribble(path: Path, start: float) -> None:
    content = bytearray(path.read_bytes())
    begin = int(len(content) * start)
    content[begin : begin + 16384] = os.urandom(16384)
    path.write_bytes(content)


DAMAGES: list[object] = [
    pytest.param(lambda path: path.write_bytes(b"\0" * 8192), id="zeros"),
    pytest.param(lambda path: path.write_bytes(b"SQLite format 3\0" + b"x" * 9000), id="header"),
    pytest.param(lambda path: path.write_text("{}"), id="another file"),
    pytest.param(lambda path: truncate(path, 0.5), id="half of it"),
    pytest.param(lambda path: truncate(path, 0.999), id="all but its end"),
    pytest.param(lambda path: scribble(path, 0), id="scribbled over its start"),
    pytest.param(lambda path: set_version(path, "new"), id="schema is no number"),
    pytest.param(lambda path: set_version(path, 0), id="schema that never was"),
    pytest.param(
        lambda path: execute(path, "DELETE FROM meta WHERE key = 'schema_version'"), id="no schema"
    ),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_state_is_set_aside(path: Path, damage: Callable[[Path], None]) -> None:
    damage(path)
    damaged = path.read_bytes()
    state, warning = open_state(path)
    assert warning is not None
    assert "was damaged" in warning
    assert state.count_present() == 0
    state.close()
    (aside,) = path.parent.glob("state.db.damaged-*")
    assert aside.name in warning
    assert aside.read_bytes() == damaged


def test_damage_within_is_found_after_a_run_that_did_not_end(path: Path) -> None:
    execute(path, "INSERT INTO meta VALUES ('running', '1')")
    scribble(path, 0.5)
    state, warning = open_state(path)
    assert warning is not None
    state.close()


def test_run_that_did_not_end_is_no_damage(path: Path) -> None:
    execute(path, "INSERT INTO meta VALUES ('running', '1')")
    state, warning = open_state(path)
    assert (warning, state.count_present()) == (None, 500)
    state.close()


def test_state_marked_as_damaged_is_set_aside(path: Path) -> None:
    state, _ = open_state(path)
    state.mark_damaged("a stored document cannot be read")
    state.close()
    state, warning = open_state(path)
    assert warning is not None
    assert "a stored document cannot be read" in warning
    state.close()


def test_log_that_was_left_behind_is_read(path: Path, tmp_path: Path) -> None:
    """As after a kill: the database and its log, copied while a writer held them."""
    state, _ = open_state(path)
    with state.transaction():
        state.set_meta("colour", "rot")
    copy = tmp_path / "killed"
    copy.mkdir()
    for entry in tmp_path.glob("state.db*"):
        shutil.copy(entry, copy)
    state.close()
    found, warning = open_state(copy / "state.db")
    assert (warning, found.meta("colour")) == (None, "rot")
    found.close()


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(Path.unlink, id="missing"),
        pytest.param(lambda path: path.write_bytes(b""), id="empty"),
        pytest.param(lambda path: path.write_bytes(b"x" * 9000), id="another file"),
        pytest.param(lambda path: set_version(path, "new"), id="schema is no number"),
    ],
)
def test_reader_says_what_is_wrong(path: Path, prepare: Callable[[Path], object]) -> None:
    prepare(path)
    with pytest.raises(StateCorrupt, match=r"state\.db: "):
        read_state(path)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (sqlite3.OperationalError("database or disk is full"), RepositoryError, "cannot be used"),
        (sqlite3.DatabaseError("malformed"), StateCorrupt, "the next refresh sets it aside"),
    ],
)
def test_errors_of_the_database_are_explained(
    error: Exception, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words), explained_errors(Path("state.db")):
        raise error


# --- damage that shows in the middle of a run ---------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        pytest.param(sqlite3.DatabaseError("database disk image is malformed"), True, id="pages"),
        pytest.param(StateCorrupt("a stored document", "cannot be read"), True, id="document"),
        pytest.param(sqlite3.OperationalError("database or disk is full"), False, id="full disk"),
        pytest.param(RepositoryError("x", "y"), False, id="another error"),
    ],
)
def test_run_after_one_that_met_damage(tmp_path: Path, error: Exception, lost: bool) -> None:
    config = convert({"repository": str(tmp_path / "r"), "processes": 1}, "test")
    with open_session(config, "refresh", SilentReporter()) as session, session.state.transaction():
        session.state.save_projects([ProjectRow(FOO, "Foo")])
    with pytest.raises(RepositoryError), open_session(config, "refresh", SilentReporter()):
        raise error
    with open_session(config, "refresh", SilentReporter()) as session:
        assert session.state_was_lost is lost
        assert (session.state.projects() == {}) is lost


# --- read-only media ----------------------------------------------------------------------------------

# Root may write anywhere, so the reader gives up being root once it has loaded all it needs.
READ = """
import os, sys
from pathlib import Path
from microrepo.state import read_state
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
state = read_state(Path(sys.argv[1]))
print(state.count_present(), state.meta("colour"))
state.close()
"""


@pytest.fixture
def unwritable() -> Iterator[Path]:
    """A directory that everybody can look into, unlike those that pytest makes."""
    folder = Path(tempfile.mkdtemp(prefix="microrepo-test-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_state_in_a_directory_that_cannot_be_written_to(path: Path, unwritable: Path) -> None:
    """A database with a write-ahead log needs files beside it, which cannot be made there."""
    place = unwritable / "state.db"
    place.write_bytes(path.read_bytes())
    place.chmod(0o444)
    unwritable.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(place)], cwd=CHECKOUT, capture_output=True, text=True
    )
    assert done.stderr == ""
    assert done.stdout == "500 blau\n"
    assert [entry.name for entry in unwritable.iterdir()] == ["state.db"]
