"""The tables and triggers of the current schema."""

from __future__ import annotations

import re
import sqlite3

SCHEMA_VERSION = 4

# Changes of a run in the directory, apart from the files in its history: metadata files, files that
# microrepo did not download, `simple/<project>/` for a project's pages, `simple/` for those of all
# projects.
TREE_CHANGES = """\
CREATE INDEX history_by_run ON history(run);
CREATE TABLE tree_changes(
    run INTEGER NOT NULL,
    place TEXT NOT NULL,
    PRIMARY KEY(run, place)
) WITHOUT ROWID;
"""


def _noting(name: str, event: str, place: str) -> str:
    """Return the trigger that records a path as changed by the newest run.

    A path can change many times in a run. `OR IGNORE` does not help: the conflict handling of the
    statement that fires a trigger overrides it.
    """
    return (
        f"CREATE TRIGGER {name} AFTER {event}\n"
        f"BEGIN INSERT INTO tree_changes SELECT id, {place} FROM runs "
        "WHERE id = (SELECT max(id) FROM runs) AND NOT EXISTS "
        f"(SELECT 1 FROM tree_changes WHERE run = runs.id AND place = {place}); END;\n"
    )


_PAGE_DIFFERS = "NEW.content <> OLD.content OR NEW.serial <> OLD.serial"
_PAGE = "'simple/' || NEW.name || '/'"
NOTING_TRIGGERS = {
    "pages_new": ("INSERT ON pages WHEN NEW.content <> x''", _PAGE),
    "pages_changed": (f"UPDATE OF content, serial ON pages WHEN {_PAGE_DIFFERS}", _PAGE),
    "pages_gone": (
        "UPDATE OF listed ON pages\nWHEN NEW.files = 0 AND NEW.listed <> OLD.listed",
        _PAGE,
    ),
    "sidecars_made": (
        "INSERT ON sidecars WHEN NEW.sha256 IS NOT NULL",
        "NEW.filename || '.metadata'",
    ),
    "found_read": ("INSERT ON found", "NEW.filename"),
    "found_gone": ("DELETE ON found", "OLD.filename"),
}
NOTING = "".join(_noting(name, *about) for name, about in NOTING_TRIGGERS.items())

# Documents have their own table: comparing the serials of a whole index then reads a few dozen
# bytes per project instead of all documents.
TABLES = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE projects(
    name TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    serial INTEGER,
    etag TEXT,
    status TEXT NOT NULL DEFAULT 'active',
    complete INTEGER NOT NULL DEFAULT 0,
    policy TEXT NOT NULL DEFAULT '',
    checked_at TEXT,
    error TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    retry_at TEXT,
    reconsider_at TEXT,
    source TEXT NOT NULL DEFAULT '',
    page_time TEXT,
    doubted_at TEXT
) WITHOUT ROWID;
CREATE TABLE documents(name TEXT PRIMARY KEY, document BLOB NOT NULL);
CREATE TABLE files(
    filename TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    version TEXT NOT NULL,
    url TEXT NOT NULL,
    size INTEGER,
    sha256 TEXT,
    blake2b_256 TEXT,
    md5 TEXT,
    detail TEXT NOT NULL,
    present INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL DEFAULT 0,
    owner TEXT NOT NULL DEFAULT 'source',
    cause TEXT NOT NULL DEFAULT 'selected'
) WITHOUT ROWID;
CREATE INDEX files_by_project ON files(project);
CREATE TABLE required_by(
    filename TEXT NOT NULL,
    environment TEXT NOT NULL,
    requirement TEXT NOT NULL,
    parent TEXT NOT NULL DEFAULT '',
    goal TEXT NOT NULL DEFAULT '',
    PRIMARY KEY(filename, environment, requirement, parent, goal)
) WITHOUT ROWID;
CREATE TABLE metadata(
    filename TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    metadata BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE runs(
    id INTEGER PRIMARY KEY,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    exit_code INTEGER,
    report TEXT,
    command TEXT NOT NULL DEFAULT '',
    downloaded INTEGER NOT NULL DEFAULT 0,
    downloaded_bytes INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0,
    deleted_bytes INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE history(
    run INTEGER NOT NULL,
    project TEXT NOT NULL,
    filename TEXT NOT NULL,
    action TEXT NOT NULL,
    detail TEXT NOT NULL,
    size INTEGER,
    sha256 TEXT,
    cause TEXT NOT NULL DEFAULT 'selected'
);
CREATE INDEX history_by_project ON history(project);
CREATE TABLE unpublished(name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE pages(
    name TEXT PRIMARY KEY,
    display_name TEXT NOT NULL,
    serial INTEGER NOT NULL,
    content BLOB NOT NULL,
    files INTEGER NOT NULL,
    listed INTEGER NOT NULL DEFAULT 0,
    json_bytes INTEGER NOT NULL DEFAULT 0,
    html_bytes INTEGER NOT NULL DEFAULT 0,
    links_bytes INTEGER NOT NULL DEFAULT 0,
    links INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE page_sums(
    prefix TEXT PRIMARY KEY,
    json_bytes INTEGER NOT NULL,
    html_bytes INTEGER NOT NULL,
    links_bytes INTEGER NOT NULL,
    links INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX pages_unlisted ON pages(name) WHERE listed = 0;
CREATE TABLE sidecars(
    filename TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    sha256 TEXT
) WITHOUT ROWID;
CREATE TABLE found(
    filename TEXT PRIMARY KEY,
    project TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    display_name TEXT NOT NULL,
    file BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX found_by_project ON found(project);
CREATE TRIGGER files_saved BEFORE INSERT ON files WHEN NOT EXISTS (
    SELECT 1 FROM files WHERE filename = NEW.filename AND project = NEW.project
    AND version = NEW.version AND size IS NEW.size AND sha256 IS NEW.sha256
    AND present = NEW.present AND mtime_ns = NEW.mtime_ns
) BEGIN INSERT OR IGNORE INTO unpublished VALUES (NEW.project); END;
CREATE TRIGGER files_deleted AFTER DELETE ON files
BEGIN INSERT OR IGNORE INTO unpublished VALUES (OLD.project); END;
CREATE TRIGGER sidecars_deleted AFTER DELETE ON files
BEGIN DELETE FROM sidecars WHERE filename = OLD.filename; END;
CREATE TRIGGER documents_saved BEFORE INSERT ON documents WHEN NOT EXISTS (
    SELECT 1 FROM documents WHERE name = NEW.name AND document = NEW.document
) BEGIN INSERT OR IGNORE INTO unpublished VALUES (NEW.name); END;
CREATE TRIGGER projects_saved BEFORE INSERT ON projects WHEN NOT EXISTS (
    SELECT 1 FROM projects WHERE name = NEW.name AND display_name = NEW.display_name
    AND status = NEW.status
) BEGIN INSERT OR IGNORE INTO unpublished VALUES (NEW.name); END;
"""
TABLES += TREE_CHANGES + NOTING

TABLE_NAMES = frozenset(re.findall(r"CREATE TABLE (\w+)", TABLES))


def create(connection: sqlite3.Connection) -> None:
    """Create all tables in an empty database, in one transaction."""
    run_script(connection, TABLES)
    connection.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(SCHEMA_VERSION),))


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Execute statements, each of which ends at the end of a line."""
    # executescript() would commit the open transaction.
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)
