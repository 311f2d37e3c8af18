"""Opening of the state for writing or reading: create, migrate or replace as needed.

On a local disk the journal is a write-ahead log. Network file systems cannot share its memory map,
so they use a rollback journal under an exclusive lock.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from microrepo.errors import RepositoryError, StateCorrupt, UnknownSchema
from microrepo.state import migrations as older
from microrepo.state.database import DAMAGED, State, damage_note, note_damage
from microrepo.state.tables import table_schema as schema

_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "beegfs", "gpfs", "9p", "afs", "ceph",
     "fuse.sshfs", "fuse.glusterfs", "panfs"}
)  # fmt: skip

_SIGNS_OF_DAMAGE = ("Could not decode to UTF-8", "no such ", "near ", "unrecognized token")
# Python cannot decode SQLite's message about such a schema.
_ODD_SCHEMA = "malformed: its schema is not UTF-8"


def is_damage(error: BaseException) -> bool:
    """Return whether an error means that the database is damaged.

    SQLite reports damage with the base class. The subclasses are errors of the program, or mean
    that the database cannot be used now.
    """
    if isinstance(error, sqlite3.OperationalError):
        # Without a code of their own: a text that is not UTF-8, a schema that lost a column or more.
        text = str(error)
        return text.startswith(_SIGNS_OF_DAMAGE) or " has no column named " in text
    return type(error) in {sqlite3.DatabaseError, StateCorrupt}


def _is_damage_on_opening(error: sqlite3.DatabaseError) -> bool:
    """Return whether to set a state aside; a migration of this program that fails is not damage."""
    return is_damage(error) and not str(error).startswith(("no such ", "near "))


def open_state(
    path: Path, migrations: Mapping[int, str] = older.MIGRATIONS
) -> tuple[State, str | None]:
    """Open the state for writing; create, migrate or replace it as needed.

    Args:
        path: the database; its directory must exist.
        migrations: for each older schema version, the script that leads to the next.

    Returns:
        The state, and a warning if a damaged or empty database was replaced.

    Raises:
        UnknownSchema: written by a newer microrepo.
        StateCorrupt: damaged, and it cannot be renamed.
    """
    warning = None
    if _is_emptied(path):
        warning = f"{path}: the state was empty; it is rebuilt from the directory and the source"
    for odd in filter(_is_not_a_file, _files_of(path)):
        aside = _moved_aside(odd)
        warning = f"{odd}: was not a file; it was renamed to {aside.name}, and the state is rebuilt"
    try:
        return State(_connect(path, migrations), path), warning
    except sqlite3.DatabaseError as error:
        if not _is_damage_on_opening(error):
            raise StateCorrupt(path, f"cannot be opened: {error}") from error
        aside = _set_aside(path)
        warning = (
            f"{path}: the state was damaged ({error}); it was renamed to {aside.name} and is "
            "rebuilt from "
            "the directory and the source"
        )
    return State(_connect(path, migrations), path), warning


def _is_emptied(path: Path) -> bool:
    """Return whether the file exists but is empty, which no run leaves."""
    try:
        return path.stat().st_size == 0
    except OSError:
        return False


@contextmanager
def explained_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the state at `path` into microrepo's.

    Raises:
        RepositoryError: it cannot be used now: a full or read-only disk, or a lock.
        StateCorrupt: it is damaged.
    """
    try:
        yield
    except StateCorrupt:
        note_damage(path)
        raise
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            if isinstance(error, sqlite3.OperationalError):
                raise RepositoryError(path, f"cannot be used: {error}") from error
            raise  # an error of microrepo itself
        note_damage(path)
        raise StateCorrupt(
            path, f"is damaged ({error}); the next refresh sets it aside and builds a new one"
        ) from error


def read_state(path: Path) -> State:
    """Open the state for reading only; works on read-only media and during a write.

    Raises:
        StateCorrupt: missing or damaged.
        UnknownSchema: written by a newer microrepo.
    """
    if path.is_symlink() or not path.is_file():
        raise StateCorrupt(path, "file not found; a refresh of this repository creates it")
    # A database in WAL mode needs a log and a shared-memory file beside it, which read-only media
    # refuse, and only a writing connection deletes them when it closes.
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    flags = "mode=rw" if writable else "mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?{flags}", uri=True, timeout=30)
    except sqlite3.DatabaseError as error:
        raise StateCorrupt(path, f"cannot be read: {error}") from error
    try:
        version = _check_version(connection, path)
        connection.execute("PRAGMA temp_store = MEMORY")
        if version < schema.SCHEMA_VERSION:
            schema.run_script(connection, older.VIEWS[version])
        connection.execute("PRAGMA query_only = ON")
    except BaseException as error:
        connection.close()
        if isinstance(error, UnicodeDecodeError) or _is_speechless(error):
            raise StateCorrupt(path, f"cannot be read: {_ODD_SCHEMA}") from error
        if isinstance(error, sqlite3.DatabaseError):
            raise StateCorrupt(path, f"cannot be read: {error}") from error
        raise
    return State(connection, path, read_only=True)


def _connect(path: Path, migrations: Mapping[int, str]) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, cached_statements=64)
    try:
        if on_network(path):
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = DELETE")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        _bring_up_to_date(connection, path, migrations)
        _check_content(connection, path)
    except BaseException as error:
        connection.close()
        if isinstance(error, UnicodeDecodeError) or _is_speechless(error):
            raise sqlite3.DatabaseError(_ODD_SCHEMA) from error
        raise
    return connection


def _is_speechless(error: BaseException) -> bool:
    """Return whether the error is what Python 3.10 makes of text that it cannot decode."""
    return isinstance(error, sqlite3.DatabaseError) and not str(error)


def _bring_up_to_date(
    connection: sqlite3.Connection, path: Path, migrations: Mapping[int, str]
) -> None:
    version = _version_of(connection)
    if version == schema.SCHEMA_VERSION:
        return
    if version is not None and version > schema.SCHEMA_VERSION:
        raise UnknownSchema(path, version, schema.SCHEMA_VERSION)
    if version is not None:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy2(path, path.with_name(f"{path.name}.schema{version}"))
    connection.execute("BEGIN IMMEDIATE")
    if version is None:
        schema.create(connection)
    else:
        older.migrate(connection, version, migrations)
    connection.execute("COMMIT")


def _version_of(connection: sqlite3.Connection) -> int | None:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'meta'").fetchone()
    if tables is None:
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            raise sqlite3.DatabaseError("malformed: it lacks meta")
        return None
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    # A number of more digits is damage, not a state of a newer microrepo.
    if row is None or not re.fullmatch(r"[0-9]{1,4}", str(row[0])):
        raise sqlite3.DatabaseError("malformed: it does not say which schema it has")
    return int(row[0])


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    version = _version_of(connection)
    if version is None:
        raise StateCorrupt(path, "is not the state of a repository")
    if version > schema.SCHEMA_VERSION:
        raise UnknownSchema(path, version, schema.SCHEMA_VERSION)
    return version


def _check_content(connection: sqlite3.Connection, path: Path) -> None:
    """Check for damage: cheap checks always, a full check after a killed run.

    Raises:
        sqlite3.DatabaseError: the database is damaged.
    """
    marks = dict(
        connection.execute("SELECT key, value FROM meta WHERE key IN ('running', ?)", (DAMAGED,))
    )
    if damage_note(path).exists():
        raise sqlite3.DatabaseError("malformed: an earlier command could not read it")
    if DAMAGED in marks:
        raise sqlite3.DatabaseError(f"malformed: {marks[DAMAGED]}")
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
    if lacking := schema.TABLE_NAMES - names:
        raise sqlite3.DatabaseError(f"malformed: it lacks {', '.join(sorted(lacking))}")
    log = path.with_name(f"{path.name}-wal")
    if path.is_file() and not (log.exists() and log.stat().st_size):
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        if path.stat().st_size < pages * page_bytes:
            raise sqlite3.DatabaseError("malformed: its end is missing")
    if "running" in marks:
        result = connection.execute("PRAGMA quick_check(1)").fetchone()
        if result and result[0] != "ok":
            raise sqlite3.DatabaseError(f"malformed: {result[0]}")


def _files_of(path: Path) -> list[Path]:
    """Return the database and the files that SQLite keeps beside it."""
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]


def _is_not_a_file(path: Path) -> bool:
    """Return whether something is there that must not be used: a directory, any link."""
    return os.path.lexists(path) and (path.is_symlink() or not path.is_file())


def _set_aside(path: Path) -> Path:
    aside = _moved_aside(path)
    try:
        for log in (*_files_of(path)[1:], damage_note(path)):
            log.unlink(missing_ok=True)
    except OSError as error:
        raise StateCorrupt(path, f"damaged, and cannot be set aside: {error}") from error
    return aside


def _moved_aside(path: Path) -> Path:
    """Rename a damaged file, and return its new path.

    Raises:
        StateCorrupt: it cannot be renamed.
    """
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S")
    names = (
        f"{path.name}.damaged-{stamp}{more}" for more in ("", *(f"-{n}" for n in range(2, 100)))
    )
    aside = next(name for name in map(path.with_name, names) if not os.path.lexists(name))
    try:
        path.rename(aside)
    except OSError as error:
        raise StateCorrupt(path, f"damaged, and cannot be set aside: {error}") from error
    return aside


def on_network(path: Path) -> bool:
    """Return whether `path` is on a network file system."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    real = str(path.resolve())
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].encode().decode("unicode_escape")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind in _NETWORK_FILE_SYSTEMS
