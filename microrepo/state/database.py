"""Opening, reading and writing the state.

One writer (the parent process of a run) keeps it; readers may look at it at any time, also on
read-only media. On a local disk the journal is a write-ahead log; network file systems cannot share
its memory map, so there it is a rollback journal under an exclusive lock.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from microrepo.batching import batched
from microrepo.errors import RepositoryError, StateCorrupt, UnknownSchema
from microrepo.model import Digests, NormalizedName, Project
from microrepo.state import schema
from microrepo.state.change_log import ChangeLog
from microrepo.state.monitoring import Watch
from microrepo.state.publication import Publication
from microrepo.state.rows import FileRow, HistoryRow, ProjectRow, Requirer, RunRow, unpack

_log = logging.getLogger(__name__)
_NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "beegfs", "gpfs", "9p", "afs", "ceph",
     "fuse.sshfs", "fuse.glusterfs", "panfs"}
)  # fmt: skip
_DAMAGED = "damaged"  # key of `meta`
_CHUNK = 500  # names per query, below SQLite's oldest limit on variables
_PROJECT_COLUMNS = ", ".join(ProjectRow.__struct_fields__)
_FILE_COLUMNS = (
    "filename, project, version, url, size, sha256, blake2b_256, md5, reason, present, mtime_ns"
)

# name, display name, serial, complete, policy, retry_at, reconsider_at, source; a bare tuple because
# whole indexes of them are walked through on each refresh.
KnownProject = tuple[str, str, int | None, int, str, str | None, str | None, str]


class State:
    """The state of one repository. Not for sharing between threads."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, *, read_only: bool = False
    ) -> None:
        self._db = connection
        self._read_only = read_only
        self.path = path
        self.publication = Publication(connection)
        self.changes = ChangeLog(connection)
        self.watch = Watch(connection)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside happen together or not at all."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk has rolled it back already
                self._db.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Fold the write-ahead log into the database, so that one file holds all, and close."""
        if not self._read_only:  # it would wait for a writer
            try:
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error:
                _log.debug("no checkpoint", exc_info=True)
        self._db.close()

    def mark_damaged(self, text: str) -> None:
        """Have the next run set this state aside, if it can still be told."""
        try:
            with self.transaction():
                self.set_meta(_DAMAGED, text)
        except sqlite3.Error:
            _log.debug("the damage cannot be noted", exc_info=True)

    # --- meta ---------------------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        """Return a remembered value, None when there is none."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Remember a value."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def delete_meta(self, key: str) -> None:
        """Forget a value."""
        self._db.execute("DELETE FROM meta WHERE key = ?", (key,))

    # --- projects -----------------------------------------------------------------------------

    def iter_known(self) -> Iterator[KnownProject]:
        """Yield what decides whether a project must be looked at again, for all projects."""
        return iter(
            self._db.execute(
                "SELECT name, display_name, serial, complete, policy, retry_at, reconsider_at, "
                "source FROM projects"
            )
        )

    def projects(self, names: Iterable[str] | None = None) -> dict[str, ProjectRow]:
        """Return the rows of the named (or all) projects that are known, by name."""
        query = f"SELECT {_PROJECT_COLUMNS} FROM projects"
        rows = self._select(query, "name", names)
        return {row[0]: ProjectRow(*row) for row in rows}

    def save_projects(self, rows: Iterable[ProjectRow]) -> None:
        """Insert or replace project rows."""
        marks = ", ".join("?" * len(ProjectRow.__struct_fields__))
        self._db.executemany(
            f"INSERT OR REPLACE INTO projects({_PROJECT_COLUMNS}) VALUES ({marks})",
            (msgspec.structs.astuple(row) for row in rows),
        )

    def mark_complete(self, names: Iterable[str]) -> None:
        """Note of projects that they hold exactly what is wanted of them."""
        self._db.executemany(
            "UPDATE projects SET complete = 1 WHERE name = ?", [(name,) for name in names]
        )

    def save_documents(self, documents: Iterable[tuple[str, bytes]]) -> None:
        """Store packed documents by project name."""
        self._db.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?)", documents)

    def documents(self, names: Iterable[str]) -> dict[str, Project]:
        """Return the stored records of the named projects, those that there are."""
        rows = self._select("SELECT name, document FROM documents", "name", names)
        return {name: unpack(document) for name, document in rows}

    def packed_documents(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the same as they are stored, packed."""
        return dict(self._select("SELECT name, document FROM documents", "name", names))

    def forget_projects(self, names: Iterable[str]) -> None:
        """Drop project rows and documents; the files have to be gone before."""
        gone = [(name,) for name in names]
        self._db.executemany("DELETE FROM projects WHERE name = ?", gone)
        self._db.executemany("DELETE FROM documents WHERE name = ?", gone)

    # --- files --------------------------------------------------------------------------------

    def files(self, projects: Iterable[str] | None = None) -> Iterator[FileRow]:
        """Yield the files of the named (or all) projects."""
        rows = self._select(f"SELECT {_FILE_COLUMNS} FROM files", "project", projects)
        return map(_to_file_row, rows)

    def files_named(self, filenames: Iterable[str]) -> dict[str, FileRow]:
        """Return the rows of the named files, those that there are."""
        rows = self._select(f"SELECT {_FILE_COLUMNS} FROM files", "filename", filenames)
        return {row[0]: _to_file_row(row) for row in rows}

    def iter_stats(self, after: str = "", limit: int = -1) -> Iterator[tuple[str, str, int, int]]:
        """Yield (filename, project, size, mtime_ns) of present files, in the order of their names.

        Args:
            after: begin behind this name.
            limit: yield so many at the most; negative for all.
        """
        return iter(
            self._db.execute(
                "SELECT filename, project, size, mtime_ns FROM files "
                "WHERE present AND filename > ? ORDER BY filename LIMIT ?",
                (after, limit),
            )
        )

    def count_present(self, at_most: int | None = None) -> int:
        """Return the number of present files; the counting may stop at some number."""
        return self._count("SELECT 1 FROM files WHERE present", at_most)

    def count_recorded(self, at_most: int | None = None) -> int:
        """Return the number of files that are present or listed; as above."""
        return self._count("SELECT 1 FROM files", at_most)

    def _count(self, query: str, at_most: int | None) -> int:
        limit = -1 if at_most is None else at_most
        row = self._db.execute(f"SELECT count(*) FROM ({query} LIMIT ?)", (limit,)).fetchone()
        return int(row[0])

    def present_bytes(self) -> int:
        """Return the bytes of all present files."""
        query = "SELECT coalesce(sum(size), 0) FROM files WHERE present"
        return int(self._db.execute(query).fetchone()[0])

    def save_files(self, rows: Iterable[FileRow]) -> None:
        """Insert or replace file rows."""
        self._db.executemany(
            f"INSERT OR REPLACE INTO files({_FILE_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (_from_file_row(row) for row in rows),
        )

    def delete_files(self, filenames: Iterable[str]) -> None:
        """Drop file rows and what required them."""
        names = [(name,) for name in filenames]
        self._db.executemany("DELETE FROM files WHERE filename = ?", names)
        self._db.executemany("DELETE FROM required_by WHERE filename = ?", names)

    def save_requirers(self, rows: Iterable[Requirer], *, replace: bool) -> None:
        """Remember why files are required; with `replace`, forget what was known of it so far."""
        if replace:
            self._db.execute("DELETE FROM required_by")
        self._db.executemany(
            "INSERT OR REPLACE INTO required_by VALUES (?, ?, ?, ?, ?)",
            (msgspec.structs.astuple(row) for row in rows),
        )

    def requirers(self, filename: str) -> list[Requirer]:
        """Return why a file is required."""
        rows = self._db.execute("SELECT * FROM required_by WHERE filename = ?", (filename,))
        return [Requirer(*row) for row in rows]

    def all_requirers(self) -> Iterator[Requirer]:
        """Yield why files are required, for all that are."""
        return (Requirer(*row) for row in self._db.execute("SELECT * FROM required_by"))

    # --- metadata -----------------------------------------------------------------------------

    def metadata(self, filenames: Iterable[str]) -> dict[str, tuple[str, bytes]]:
        """Return, by file name, the file's digest and its packed metadata, where known."""
        query = "SELECT filename, digest, metadata FROM metadata"
        rows = self._select(query, "filename", filenames)
        return {name: (digest, metadata) for name, digest, metadata in rows}

    def save_metadata(self, rows: Iterable[tuple[str, str, bytes]]) -> None:
        """Remember packed metadata: file name, the file's digest, metadata."""
        self._db.executemany("INSERT OR REPLACE INTO metadata VALUES (?, ?, ?)", rows)

    # --- runs and history ---------------------------------------------------------------------

    def start_run(self, started_at: str) -> int:
        """Open a run and return its number."""
        cursor = self._db.execute("INSERT INTO runs(started_at) VALUES (?)", (started_at,))
        return int(cursor.lastrowid or 0)

    def end_run(self, run: int, ended_at: str, exit_code: int, report: str) -> None:
        """Close a run with its report."""
        self._db.execute(
            "UPDATE runs SET ended_at = ?, exit_code = ?, report = ? WHERE id = ?",
            (ended_at, exit_code, report, run),
        )

    def runs(self, limit: int = 20) -> list[RunRow]:
        """Return the newest runs, newest first."""
        rows = self._db.execute(
            "SELECT id, started_at, ended_at, exit_code, report FROM runs ORDER BY id DESC LIMIT ?",
            (limit,),
        )
        return [RunRow(*row) for row in rows]

    def add_history(self, rows: Iterable[HistoryRow]) -> None:
        """Append to the history."""
        self._db.executemany(
            "INSERT INTO history VALUES (?, ?, ?, ?, ?, ?, ?)",
            (msgspec.structs.astuple(row) for row in rows),
        )

    def history(self, project: str | None = None, limit: int = 1000) -> list[HistoryRow]:
        """Return the newest changes, newest first, of one project or of all."""
        where, values = ("WHERE project = ?", [project]) if project else ("", [])
        rows = self._db.execute(
            f"SELECT * FROM history {where} ORDER BY rowid DESC LIMIT ?",
            [*values, limit],
        )
        return [HistoryRow(*row) for row in rows]

    def _select(self, query: str, column: str, values: Iterable[str] | None) -> Iterator[Any]:
        if values is None:
            yield from self._db.execute(query)
            return
        for chunk in batched(values, _CHUNK):
            marks = ", ".join("?" * len(chunk))
            yield from self._db.execute(f"{query} WHERE {column} IN ({marks})", chunk)


def _to_file_row(row: Sequence[Any]) -> FileRow:
    filename, project, version, url, size, sha256, blake2b, md5, reason, present, mtime_ns = row
    return FileRow(
        filename,
        NormalizedName(project),
        version,
        url,
        size,
        Digests(sha256, blake2b, md5),
        reason,
        bool(present),
        mtime_ns,
    )


def _from_file_row(row: FileRow) -> tuple[object, ...]:
    digests = row.digests
    return (
        row.filename,
        row.project,
        row.version,
        row.url,
        row.size,
        digests.sha256,
        digests.blake2b_256,
        digests.md5,
        row.reason,
        row.present,
        row.mtime_ns,
    )


def open_state(
    path: Path, migrations: Mapping[int, str] = schema.MIGRATIONS
) -> tuple[State, str | None]:
    """Open the state for writing; make, migrate or set it aside as needed.

    Args:
        path: the database; its directory must be there.
        migrations: for each older schema version the script that leads to the next.

    Returns:
        The state, and a warning when a damaged database was set aside and a new one begun.

    Raises:
        UnknownSchema: written by a newer microrepo.
        StateCorrupt: damaged, and it cannot even be set aside.
    """
    try:
        return State(_connect(path, migrations), path), None
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
            raise StateCorrupt(path, f"cannot be opened: {error}") from error
        aside = _set_aside(path)
        warning = (
            f"{path}: the state was damaged ({error}); it is kept as {aside.name} and rebuilt from "
            "the directory and the source"
        )
    return State(_connect(path, migrations), path), warning


@contextmanager
def explained_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises about the state at `path` into errors of ours.

    Raises:
        RepositoryError: it cannot be used now: the disk is full or read-only, someone holds it.
        StateCorrupt: it is damaged.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise RepositoryError(path, f"cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StateCorrupt(
            path, f"is damaged ({error}); the next refresh sets it aside and builds a new one"
        ) from error


def read_state(path: Path) -> State:
    """Open the state for reading alone; works on read-only media and beside a writer.

    Raises:
        StateCorrupt: missing or damaged.
        UnknownSchema: written by a newer microrepo.
    """
    if not path.is_file():
        raise StateCorrupt(path, "there is no state; has a refresh run on this repository?")
    # A database in WAL mode needs a log and a shared-memory file beside it, which read-only media
    # refuse; and only a connection that may write takes them away again when it closes.
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    flags = "mode=rw" if writable else "mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?{flags}", uri=True, timeout=30)
    except sqlite3.DatabaseError as error:
        raise StateCorrupt(path, f"cannot be read: {error}") from error
    try:
        version = _check_version(connection, path)
        connection.execute("PRAGMA temp_store = MEMORY")
        for older in range(version, schema.SCHEMA_VERSION):
            connection.execute(schema.VIEWS[older])
        connection.execute("PRAGMA query_only = ON")
    except BaseException as error:
        connection.close()
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
    except BaseException:
        connection.close()
        raise
    return connection


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
        schema.migrate(connection, version, migrations)
    connection.execute("COMMIT")


def _version_of(connection: sqlite3.Connection) -> int | None:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'meta'").fetchone()
    if tables is None:
        return None
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
    if row is None or not str(row[0]).isdecimal():
        raise sqlite3.DatabaseError("malformed: it does not say which schema it has")
    return int(row[0])


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    version = _version_of(connection)
    if version is None:
        raise StateCorrupt(path, "is no state of a repository")
    if version > schema.SCHEMA_VERSION:
        raise UnknownSchema(path, version, schema.SCHEMA_VERSION)
    return version


def _check_content(connection: sqlite3.Connection, path: Path) -> None:
    """Look for damage: cheap signs always, the whole of it after a run that did not end by itself.

    Raises:
        sqlite3.DatabaseError: there is some.
    """
    marks = dict(
        connection.execute("SELECT key, value FROM meta WHERE key IN ('running', ?)", (_DAMAGED,))
    )
    if _DAMAGED in marks:
        raise sqlite3.DatabaseError(f"malformed: {marks[_DAMAGED]}")
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


def _set_aside(path: Path) -> Path:
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    try:
        path.replace(aside)
        for suffix in ("-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise StateCorrupt(path, f"damaged, and cannot be set aside: {error}") from error
    return aside


def on_network(path: Path) -> bool:
    """Tell whether `path` lies on a file system that machines share over a network."""
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
