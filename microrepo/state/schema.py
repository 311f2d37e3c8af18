"""The tables, their versions, and how an older database becomes a current one."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

SCHEMA_VERSION = 3

# What a run changed in the directory beside the files of its history: metadata files, files that
# others put there, `simple/<project>/` for a project's pages, `simple/` for those of all projects.
_TREE_CHANGES = """\
CREATE INDEX history_by_run ON history(run);
CREATE TABLE tree_changes(
    run INTEGER NOT NULL,
    place TEXT NOT NULL,
    PRIMARY KEY(run, place)
) WITHOUT ROWID;
CREATE TRIGGER pages_new AFTER INSERT ON pages WHEN NEW.content <> x''
BEGIN INSERT OR IGNORE INTO tree_changes
SELECT id, 'simple/' || NEW.name || '/' FROM runs ORDER BY id DESC LIMIT 1; END;
CREATE TRIGGER pages_changed AFTER UPDATE OF content, serial ON pages
WHEN NEW.content <> OLD.content OR NEW.serial <> OLD.serial
BEGIN INSERT OR IGNORE INTO tree_changes
SELECT id, 'simple/' || NEW.name || '/' FROM runs ORDER BY id DESC LIMIT 1; END;
CREATE TRIGGER pages_gone AFTER UPDATE OF listed ON pages
WHEN NEW.files = 0 AND NEW.listed <> OLD.listed
BEGIN INSERT OR IGNORE INTO tree_changes
SELECT id, 'simple/' || NEW.name || '/' FROM runs ORDER BY id DESC LIMIT 1; END;
CREATE TRIGGER sidecars_made AFTER INSERT ON sidecars WHEN NEW.sha256 IS NOT NULL
BEGIN INSERT OR IGNORE INTO tree_changes
SELECT id, NEW.filename || '.metadata' FROM runs ORDER BY id DESC LIMIT 1; END;
CREATE TRIGGER found_read AFTER INSERT ON found
BEGIN INSERT OR IGNORE INTO tree_changes
SELECT id, NEW.filename FROM runs ORDER BY id DESC LIMIT 1; END;
CREATE TRIGGER found_gone AFTER DELETE ON found
BEGIN INSERT OR IGNORE INTO tree_changes
SELECT id, OLD.filename FROM runs ORDER BY id DESC LIMIT 1; END;
"""

# Documents stand apart from `projects`: comparing the serials of a whole index then reads a few
# dozen bytes per project instead of paging through all documents.
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
    source TEXT NOT NULL DEFAULT ''
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
    reason TEXT NOT NULL,
    present INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL DEFAULT 0
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
    report TEXT
);
CREATE TABLE history(
    run INTEGER NOT NULL,
    project TEXT NOT NULL,
    filename TEXT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    size INTEGER,
    sha256 TEXT
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
TABLES += _TREE_CHANGES

# From version N (the key) to N + 1; each script runs inside the one migrating transaction.
MIGRATIONS: dict[int, str] = {
    1: "ALTER TABLE projects ADD COLUMN source TEXT NOT NULL DEFAULT ''",
    2: "ALTER TABLE history ADD COLUMN sha256 TEXT;\n" + _TREE_CHANGES,
}

# What stands for a table of version N (the key) until it is migrated, for those who may only read.
VIEWS: dict[int, str] = {
    1: "CREATE TEMP VIEW projects AS SELECT *, '' AS source FROM main.projects",
    2: "CREATE TEMP VIEW tree_changes AS SELECT 0 AS run, '' AS place WHERE 0",
}


def create(connection: sqlite3.Connection) -> None:
    """Make all tables in an empty database, in one transaction."""
    _run(connection, TABLES)
    connection.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(SCHEMA_VERSION),))


def migrate(connection: sqlite3.Connection, version: int, migrations: Mapping[int, str]) -> None:
    """Bring an older database up to date; the caller holds the transaction.

    Raises:
        sqlite3.DatabaseError: no way leads from this version to the current one.
    """
    for step in range(version, SCHEMA_VERSION):
        if step not in migrations:
            raise sqlite3.DatabaseError(f"malformed: there never was a schema {step}")
        _run(connection, migrations[step])
    connection.execute(
        "UPDATE meta SET value = ? WHERE key = 'schema_version'", (str(SCHEMA_VERSION),)
    )


def _run(connection: sqlite3.Connection, script: str) -> None:
    # executescript() would commit the open transaction.
    for statement in script.split(";\n"):
        if statement.strip():
            connection.execute(statement)
