"""Opening a state that is missing, old, new, damaged or on read-only media."""

from __future__ import annotations

import gc
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from microrepo.config.load import convert
from microrepo.errors import RepositoryError, StateCorrupt, UnknownSchema
from microrepo.model import Cause, Digests, NormalizedName, Project
from microrepo.operations.run.session import open_session
from microrepo.reporting import SilentReporter
from microrepo.state import (
    FileRow,
    Owner,
    ProjectRow,
    State,
    explained_errors,
    migrations,
    open_state,
    pack,
    read_state,
)
from microrepo.state.tables import table_schema as schema
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
            row = FileRow(f"{name}-1.zip", name, "1", "u", 1, Digests("a" * 64), present=True)
            state.save_files([row])
    state.close()
    return place


def execute(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def read_files(path: Path) -> list[FileRow]:
    with closing(read_state(path)) as state:
        return list(state.files())


def query(path: Path, statement: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


def set_version(path: Path, version: object) -> None:
    execute(path, f"UPDATE meta SET value = '{version}' WHERE key = 'schema_version'")


# --- new ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prepare", "words"),
    [(lambda path: None, None), (Path.touch, "the state was empty; it is rebuilt")],
    ids=["missing", "empty file"],
)
def test_new_state(tmp_path: Path, prepare: Callable[[Path], None], words: str | None) -> None:
    path = tmp_path / "state.db"
    prepare(path)
    state, warning = open_state(path)
    assert (warning or "").endswith(f"{words} from the directory and the source" if words else "")
    assert (warning is None) is (words is None)
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


SCHEMA_3 = CHECKOUT / "tests/cases/schema_3.sql"
FILES_OF_3 = {
    "alpha-0.5-py3-none-any.whl": (Owner.PERSON, Cause.ADOPTED, ""),
    "alpha-2.0-py3-none-any.whl": (Owner.SOURCE, Cause.REQUIRED, "alpha"),
    "dep-1.0-py3-none-any.whl": (Owner.SOURCE, Cause.REQUIRED, "dep of alpha==2.0"),
    "mine-1.0-py3-none-any.whl": (Owner.PERSON, Cause.ADOPTED, ""),
    "mirrored-1.0-py3-none-any.whl": (Owner.SOURCE, Cause.REQUIRED, "mirrored"),
}
HISTORY_OF_3 = [
    (1, "mirrored-1.0-py3-none-any.whl", "adopt", Cause.ADOPTED, "minirepo"),
    (2, "alpha-0.5-py3-none-any.whl", "adopt", Cause.ADOPTED, ""),
    (2, "mine-1.0-py3-none-any.whl", "adopt", Cause.ADOPTED, ""),
    (3, "gone-1.0-py3-none-any.whl", "add", Cause.SELECTED, "gone"),
    (3, "dep-1.0-py3-none-any.whl", "add", Cause.SELECTED, "dep of alpha==1.0"),
    (3, "alpha-1.0-py3-none-any.whl", "add", Cause.SELECTED, "alpha"),
    (4, "alpha-2.0-py3-none-any.whl", "add", Cause.SELECTED, "alpha"),
    (4, "alpha-1.0-py3-none-any.whl", "delete", Cause.NOT_IN_CLOSURE, ""),
    (4, "gone-1.0-py3-none-any.whl", "delete", Cause.UNREQUESTED, ""),
    (5, "dep-1.0-py3-none-any.whl", "delete", Cause.BY_COMMAND, "licence withdrawn"),
    (6, "dep-1.0-py3-none-any.whl", "add", Cause.SELECTED, "dep of alpha==2.0"),
]
OPENINGS: list[Callable[[Path], State]] = [
    read_state,
    lambda where: open_state(where)[0],
    read_state,
]


@pytest.fixture
def schema_3(tmp_path: Path) -> Path:
    """A state that the first version with this schema wrote."""
    place = tmp_path / "schema_3.db"
    connection = sqlite3.connect(place)
    connection.executescript(SCHEMA_3.read_text(encoding="utf-8"))
    connection.close()
    return place


def make_schema_2(path: Path) -> None:
    triggers = (f"DROP TRIGGER {name}" for name in schema.NOTING_TRIGGERS)
    execute(path, *triggers, "DROP TABLE tree_changes", "DROP INDEX history_by_run")
    execute(path, "ALTER TABLE history DROP COLUMN sha256")
    set_version(path, 2)


def test_state_with_sentences_is_read_and_migrated(schema_3: Path) -> None:
    """Schema 3: who owns a file and why it came, went or stays were one text for people."""
    for opening in OPENINGS:
        state = opening(schema_3)
        files = {row.filename: (row.owner, row.cause, row.detail) for row in state.files()}
        assert files == FILES_OF_3
        assert [row.is_ours for row in state.files()] == [False, True, True, False, True]
        history = state.history()[::-1]
        assert [(r.run, r.filename, r.action, r.cause, r.detail) for r in history] == HISTORY_OF_3
        assert history[0].at.startswith("2026-")
        runs = state.runs()[::-1]
        assert [run.command for run in runs] == [
            "adopt",
            "adopt",
            *["refresh"] * 2,
            "delete",
            "refresh",
        ]
        assert [run.totals.deleted for run in runs] == [0, 0, 0, 2, 1, 0]
        assert [run.totals.downloaded for run in runs] == [0, 0, 3, 1, 0, 1]
        changed = {one.filename: one.cause for one in state.changes.files(1, 6)}
        assert changed["gone-1.0-py3-none-any.whl"] is Cause.UNREQUESTED
        assert state.projects(["alpha"])["alpha"].page_time is None
        state.close()


def test_migrated_state_has_the_columns_and_triggers_of_a_new_one(
    schema_3: Path, tmp_path: Path
) -> None:
    open_state(schema_3)[0].close()
    open_state(tmp_path / "new.db")[0].close()
    columns = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
    triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
    for question in (columns, triggers):
        assert set(query(schema_3, question)) == set(query(tmp_path / "new.db", question))


def test_report_that_is_no_json_costs_only_its_numbers(schema_3: Path) -> None:
    execute(
        schema_3,
        "UPDATE runs SET report = '{' WHERE id = 4",
        "UPDATE runs SET report = NULL WHERE id = 3",
    )
    for opening in OPENINGS:
        state = opening(schema_3)
        assert [run.command for run in state.runs()[2:4]] == ["", ""]
        state.close()


@pytest.mark.parametrize("version", [2, 1])
def test_state_without_change_lists_is_read_and_migrated(schema_3: Path, version: int) -> None:
    """Schema 2: the files of a run are told, without digests; 1: and no project's source."""
    make_schema_2(schema_3)
    if version == 1:
        execute(schema_3, "ALTER TABLE projects DROP COLUMN source")
        set_version(schema_3, 1)
    for opening in OPENINGS:
        state = opening(schema_3)
        (changed, *_) = state.changes.files(1, 1)
        assert (changed.filename, changed.sha256) == ("mirrored-1.0-py3-none-any.whl", None)
        assert list(state.changes.places(1, 1)) == []
        assert (state.projects(["alpha"])["alpha"].source == "") is (version == 1)
        assert {row.filename: row.owner for row in state.files()} == {
            name: owner for name, (owner, _, _) in FILES_OF_3.items()
        }
        state.close()


def test_every_older_schema_has_a_migration() -> None:
    assert set(migrations.VIEWS) == set(migrations.MIGRATIONS)
    assert set(migrations.MIGRATIONS) == set(range(1, schema.SCHEMA_VERSION))


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
    pytest.param(lambda path: execute(path, "DROP TABLE documents"), id="a table is gone"),
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


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("kind", ["directory", "fifo", "loop", "dangling"])
def test_what_is_not_a_file_is_set_aside(path: Path, kind: str, suffix: str) -> None:
    odd = path.with_name(path.name + suffix)
    for found in path.parent.glob(f"{odd.name}*"):
        found.unlink()
    if kind == "directory":
        odd.mkdir()
        (odd / "x").touch()
    elif kind == "fifo":
        os.mkfifo(odd)
    else:
        odd.symlink_to(odd if kind == "loop" else "nowhere")
    state, warning = open_state(path)
    state.set_meta("a", "b")
    state.close()
    assert warning is not None
    assert str(odd) in warning
    assert path.is_file()
    (aside,) = path.parent.glob(f"{odd.name}.damaged-*")
    assert aside.name in warning
    state, warning = open_state(path)
    assert (state.meta("a"), warning) == ("b", None)
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


@pytest.mark.parametrize("values", ["size = 'y'", "size = -1", "mtime_ns = 'x'", "cause = 'z'", "owner = ''", "present = 2",
     "sha256 = 'abc'", "filename = '../' || filename", "project = x'00ff'"],
)  # fmt: skip
def test_file_row_with_a_value_that_cannot_be(path: Path, values: str) -> None:
    execute(path, f"UPDATE files SET {values}")
    with pytest.raises(StateCorrupt, match="impossible value"):
        read_files(path)


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE meta",
        "UPDATE sqlite_master SET sql = CAST(x'435245415445ff20' AS TEXT) WHERE name = 'files'",
        "UPDATE sqlite_master SET name = CAST(x'ff66' AS TEXT) WHERE name = 'files'",
        "UPDATE sqlite_master SET rootpage = 1 WHERE name = 'files'",
    ],
)
def test_damaged_schema_is_set_aside(path: Path, damage: str) -> None:
    execute(path, "PRAGMA writable_schema = ON", damage)
    with pytest.raises(StateCorrupt):
        read_files(path)
    state, warning = open_state(path)
    state.close()
    assert warning is not None
    assert "malformed" in warning


def test_damage_that_cannot_be_noted_inside_is_noted_beside(path: Path) -> None:
    with pytest.raises(StateCorrupt), explained_errors(path):
        raise sqlite3.DatabaseError("database disk image is malformed")
    state, warning = open_state(path)
    state.close()
    assert warning is not None
    assert "damaged" in warning
    state, warning = open_state(path)
    state.close()
    assert warning is None


def test_a_reading_that_is_given_up_may_outlive_the_state(path: Path) -> None:
    """Whatever a generator raises while it is collected, pytest reports."""
    state = read_state(path)
    rows = state.files()
    named = iter(state.files(["p1", "p2"]))
    next(rows), next(named)
    state.close()
    del rows, named
    gc.collect()


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (sqlite3.OperationalError("database or disk is full"), RepositoryError, "cannot be used"),
        (
            sqlite3.OperationalError("Could not decode to UTF-8 column 'url' with text 'h'"),
            StateCorrupt,
            "the next refresh sets it aside",
        ),
        (sqlite3.DatabaseError("malformed"), StateCorrupt, "the next refresh sets it aside"),
        (sqlite3.IntegrityError("UNIQUE failed"), sqlite3.IntegrityError, "UNIQUE failed"),
    ],
)
def test_errors_of_the_database_are_explained(
    path: Path, error: Exception, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words), explained_errors(path):
        raise error


# --- damage that shows in the middle of a run ---------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        pytest.param(sqlite3.DatabaseError("database disk image is malformed"), True, id="pages"),
        pytest.param(StateCorrupt("a stored document", "cannot be read"), True, id="document"),
        pytest.param(sqlite3.OperationalError("database or disk is full"), False, id="full disk"),
        pytest.param(RepositoryError("x", "y"), False, id="another error"),
        pytest.param(sqlite3.IntegrityError("UNIQUE failed"), False, id="a fault of ours"),
        pytest.param(sqlite3.ProgrammingError("closed"), False, id="another fault of ours"),
    ],
)
def test_run_after_one_that_met_damage(tmp_path: Path, error: Exception, lost: bool) -> None:
    config = convert({"repository": str(tmp_path / "r"), "processes": 1}, "test")
    with open_session(config, "refresh", SilentReporter()) as session:
        state = session.holdings.state
        with state.transaction():
            state.save_projects([ProjectRow(FOO, "Foo")])
    with (
        pytest.raises((RepositoryError, sqlite3.Error)),
        open_session(config, "refresh", SilentReporter()),
    ):
        raise error
    with open_session(config, "refresh", SilentReporter()) as session:
        assert session.holdings.state_was_lost is lost
        assert (session.holdings.state.projects() == {}) is lost


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


@pytest.mark.parametrize("version", ["9223372036854775807", "99999", "-1", "4.0", ""])
def test_an_impossible_schema_number_is_damage(path: Path, version: str) -> None:
    execute(path, f"UPDATE meta SET value = '{version}' WHERE key = 'schema_version'")
    state, warning = open_state(path)
    state.close()
    assert warning is not None
    assert "damaged" in warning


def test_a_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.db"
    path.rename(elsewhere)
    before = elsewhere.read_bytes()
    path.symlink_to(elsewhere)
    with pytest.raises(StateCorrupt):
        read_state(path)
    state, warning = open_state(path)
    state.set_meta("a", "b")
    state.close()
    assert warning is not None
    assert "was not a file" in warning
    assert not path.is_symlink()
    assert elsewhere.read_bytes() == before


@pytest.mark.parametrize("words", ["no such column: filename", 'near "x": syntax error'])
def test_a_schema_whose_words_changed_is_damage(path: Path, words: str) -> None:
    with pytest.raises(StateCorrupt), explained_errors(path):
        raise sqlite3.OperationalError(words)
    state, warning = open_state(path)
    state.close()
    assert warning is not None
    assert "was damaged" in warning
