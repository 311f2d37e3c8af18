"""Migrations of older schemas, and views for reading them unmigrated."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from microrepo.state.tables.table_schema import (
    NOTING,
    NOTING_TRIGGERS,
    SCHEMA_VERSION,
    TREE_CHANGES,
    run_script,
)

# --- from sentences to causes: schema 3 kept one text for people ----------------------------------

# Values of `Cause` that were texts in schema 3.
_CAUSES_OF_3 = (
    "selected", "required", "unsafe file name", "no digest announced", "excluded", "not allowed",
    "metadata", "project size", "number of versions", "release pattern", "vulnerable",
    "version not requested", "invalid version", "package type", "extension", "file pattern",
    "python version", "requires-python", "platform", "pre-release", "yanked", "third-party rule",
    "too large", "uploaded too late", "too young", "superseded", "evicted",
    "not needed by any goal", "already there", "damaged", "damaged or replaced upstream",
    "replaces other content", "removed upstream", "no longer requested",
    "left out by `exclude` or `allow`", "no longer listed by the source", "no longer wanted",
    "deleted by command",
)  # fmt: skip
_KNOWN_CAUSES = ", ".join(f"'{cause}'" for cause in _CAUSES_OF_3)
_BY_PERSON = "'adopted, not known to the source so far'"
_OWNER = (
    f"CASE WHEN reason = {_BY_PERSON} THEN 'person' "
    "WHEN reason LIKE 'adopted from %' THEN 'mirror' ELSE 'source' END"
)
_CAUSE = (
    f"WHEN reason = {_BY_PERSON} OR reason LIKE 'adopted from %' THEN 'adopted' "
    f"WHEN reason IN ({_KNOWN_CAUSES}) THEN reason "
    "WHEN reason = 'evicted to make room' THEN 'evicted' "
    "WHEN reason LIKE 'quarantined upstream: %' THEN 'quarantined upstream'"
)
_CAUSE_OF_FILE = (
    f"CASE {_CAUSE} WHEN filename IN (SELECT filename FROM required_by) THEN 'required' "
    "ELSE 'selected' END"
)
_CAUSE_OF_CHANGE = (
    f"CASE {_CAUSE} WHEN action IN ('delete', 'quarantine') THEN 'deleted by command' "
    "ELSE 'selected' END"
)
_DETAIL = (
    f"CASE WHEN reason = {_BY_PERSON} OR reason IN ({_KNOWN_CAUSES}, 'evicted to make room') "
    "THEN '' WHEN reason LIKE 'adopted from %' THEN substr(reason, 14) "
    "WHEN reason LIKE 'quarantined upstream: %' THEN substr(reason, 23) ELSE reason END"
)
_RUN_TOTALS = {
    "command": "coalesce(json_extract(report, '$.operation'), '')",
    "downloaded": "coalesce(json_extract(report, '$.downloaded'), 0)",
    "downloaded_bytes": "coalesce(json_extract(report, '$.downloaded_bytes'), 0)",
    "deleted": "coalesce(json_extract(report, '$.deleted'), 0)",
    "deleted_bytes": "coalesce(json_extract(report, '$.deleted_bytes'), 0)",
    "failed": "coalesce(json_array_length(report, '$.failed'), 0)",
}

_CAUSES = f"""\
ALTER TABLE projects ADD COLUMN page_time TEXT;
ALTER TABLE projects ADD COLUMN doubted_at TEXT;
ALTER TABLE files ADD COLUMN owner TEXT NOT NULL DEFAULT 'source';
ALTER TABLE files ADD COLUMN cause TEXT NOT NULL DEFAULT 'selected';
UPDATE files SET owner = {_OWNER}, cause = {_CAUSE_OF_FILE}, reason = {_DETAIL};
ALTER TABLE files RENAME COLUMN reason TO detail;
ALTER TABLE history ADD COLUMN cause TEXT NOT NULL DEFAULT 'selected';
UPDATE history SET cause = {_CAUSE_OF_CHANGE}, reason = {_DETAIL};
ALTER TABLE history RENAME COLUMN reason TO detail;
ALTER TABLE runs ADD COLUMN command TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN downloaded INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN downloaded_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN deleted_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET {", ".join(f"{column} = {value}" for column, value in _RUN_TOTALS.items())}
WHERE json_valid(report);
"""
_DROPPED = "".join(f"DROP TRIGGER {name};\n" for name in NOTING_TRIGGERS)

# From version N (the key) to N + 1; all scripts run in one transaction.
MIGRATIONS: dict[int, str] = {
    1: "ALTER TABLE projects ADD COLUMN source TEXT NOT NULL DEFAULT ''",
    2: "ALTER TABLE history ADD COLUMN sha256 TEXT;\n" + TREE_CHANGES + NOTING,
    3: _DROPPED + NOTING + _CAUSES,
}


_NO_CHANGES = "CREATE TEMP VIEW tree_changes AS SELECT 0 AS run, '' AS place WHERE 0;\n"


def _views(*, source: str = "source", sha256: str = "sha256", more: str = "") -> str:
    totals = ", ".join(f"{value} AS {column}" for column, value in _RUN_TOTALS.items())
    return f"""\
CREATE TEMP VIEW projects AS SELECT name, display_name, serial, etag, status, complete, policy,
checked_at, error, failures, retry_at, reconsider_at, {source} AS source, NULL AS page_time,
NULL AS doubted_at FROM main.projects;
CREATE TEMP VIEW files AS SELECT filename, project, version, url, size, sha256, blake2b_256, md5,
{_DETAIL} AS detail, present, mtime_ns, {_OWNER} AS owner, {_CAUSE_OF_FILE} AS cause
FROM main.files;
CREATE TEMP VIEW history AS SELECT rowid AS rowid, run, project, filename, action,
{_DETAIL} AS detail, size, {sha256} AS sha256, {_CAUSE_OF_CHANGE} AS cause FROM main.history;
CREATE TEMP VIEW runs AS SELECT id, started_at, ended_at, exit_code, report, {totals}
FROM (SELECT id, started_at, ended_at, exit_code,
CASE WHEN json_valid(report) THEN report END AS report FROM main.runs);
{more}"""


# Views for reading version N (the key) before it is migrated.
VIEWS: dict[int, str] = {
    1: _views(source="''", sha256="NULL", more=_NO_CHANGES),
    2: _views(sha256="NULL", more=_NO_CHANGES),
    3: _views(),
}


def migrate(connection: sqlite3.Connection, version: int, migrations: Mapping[int, str]) -> None:
    """Migrate an older database; the caller holds the transaction.

    Raises:
        sqlite3.DatabaseError: this version cannot be migrated.
    """
    for step in range(version, SCHEMA_VERSION):
        if step not in migrations:
            raise sqlite3.DatabaseError(f"malformed: there never was a schema {step}")
        run_script(connection, migrations[step])
    connection.execute(
        "UPDATE meta SET value = ? WHERE key = 'schema_version'", (str(SCHEMA_VERSION),)
    )
