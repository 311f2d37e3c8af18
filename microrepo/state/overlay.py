"""Overlay: rows added to a read-only state, for this connection only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence


def add_overlay(
    connection: sqlite3.Connection, table: str, columns: str, rows: Iterable[Sequence[object]]
) -> None:
    """Add rows to a reader's view of a table, replacing those with the same first column.

    Args:
        connection: the reader's connection.
        table: name of the table.
        columns: names of the columns.
    """
    name = columns.split(",", maxsplit=1)[0]
    query = "SELECT count(*) FROM sqlite_temp_master WHERE type = 'table'"
    extra = f"found_{table}_{connection.execute(query).fetchone()[0]}"
    known = connection.execute(
        "SELECT sql FROM sqlite_temp_master WHERE type = 'view' AND name = ?", (table,)
    ).fetchone()
    base = known[0].partition(" AS ")[2] if known else f"SELECT * FROM main.{table}"
    marks = ", ".join("?" * len(columns.split(",")))
    # An older state is read through views of the same names.
    connection.execute(f"CREATE TEMP TABLE {extra} AS SELECT {columns} FROM {table} LIMIT 0")
    connection.execute(f"CREATE UNIQUE INDEX temp.{extra}_names ON {extra}({name})")
    connection.executemany(f"INSERT INTO temp.{extra} VALUES ({marks})", rows)
    if known:
        connection.execute(f"DROP VIEW temp.{table}")
    connection.execute(
        f"CREATE TEMP VIEW {table} AS SELECT {columns} FROM ({base}) "
        f"WHERE {name} NOT IN (SELECT {name} FROM temp.{extra}) "
        f"UNION ALL SELECT {columns} FROM temp.{extra}"
    )
