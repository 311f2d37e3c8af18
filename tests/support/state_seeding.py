"""State of a large repository, made in seconds: copies of one project without files."""

from __future__ import annotations

import sqlite3
from pathlib import Path


def seed_state(database: Path, template: str, names: list[tuple[str, int]]) -> None:
    """Make the state know many more projects, as copies of one that has no files.

    Args:
        database: the state after a run in which `template` was seen.
        template: a project without files.
        names: (name, serial) of the projects to add.
    """
    connection = sqlite3.connect(database)
    with connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(projects)")]
        kept = ", ".join(c for c in columns if c not in {"name", "display_name", "serial"})
        connection.executemany(
            f"INSERT INTO projects(name, display_name, serial, {kept}) "
            f"SELECT ?1, ?1, ?2, {kept} FROM projects WHERE name = '{template}'",
            names,
        )
        connection.executemany(
            "INSERT INTO documents(name, document) "
            f"SELECT ?1, document FROM documents WHERE name = '{template}'",
            ((name,) for name, _ in names),
        )
        # Their pages were seen to long ago: none has a file.
        connection.execute("DELETE FROM unpublished")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
