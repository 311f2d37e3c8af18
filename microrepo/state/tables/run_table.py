"""Tables of runs, and of the files they added and deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from microrepo.errors import StateCorrupt
from microrepo.model import Cause
from microrepo.state.rows import HistoryRow, RunRow, RunTotals
from microrepo.state.tables.table import Table

_RUN_COLUMNS = ", ".join(
    ("id", "started_at", "ended_at", "exit_code", "report", "command", *RunTotals.__struct_fields__)
)
_HISTORY_COLUMNS = "run, project, filename, action, cause, detail, size, sha256"


class RunTable(Table):
    """The tables of runs and of the history."""

    def start_run(self, started_at: str, command: str = "") -> int:
        """Start a run and return its number."""
        cursor = self._db.execute(
            "INSERT INTO runs(started_at, command) VALUES (?, ?)", (started_at, command)
        )
        return int(cursor.lastrowid or 0)

    def end_run(
        self, run: int, ended_at: str, exit_code: int, report: str, totals: RunTotals
    ) -> None:
        """End a run with its report."""
        values = msgspec.structs.asdict(totals)
        settings = ", ".join(f"{column} = :{column}" for column in values)
        self._db.execute(
            f"UPDATE runs SET ended_at = :ended_at, exit_code = :exit_code, report = :report, "
            f"{settings} WHERE id = :id",
            {**values, "ended_at": ended_at, "exit_code": exit_code, "report": report, "id": run},
        )

    def last_run(self, before: int | None = None) -> int:
        """Return the number of the newest run, or of the one before a run; 0 for none."""
        query = "SELECT coalesce(max(id), 0) FROM runs WHERE ?1 IS NULL OR id < ?1"
        return int(self._db.execute(query, (before,)).fetchone()[0])

    def runs(self, limit: int = 20) -> list[RunRow]:
        """Return the newest runs, newest first."""
        return list(self._runs("", limit))

    def ended_runs(self) -> Iterator[RunRow]:
        """Yield the finished runs, newest first."""
        return self._runs("WHERE ended_at IS NOT NULL", -1)

    def _runs(self, where: str, limit: int) -> Iterator[RunRow]:
        rows = self._db.execute(
            f"SELECT {_RUN_COLUMNS} FROM runs {where} ORDER BY id DESC LIMIT ?", (limit,)
        )
        return (
            RunRow(number, started_at, ended_at, code, report, command, RunTotals(*totals))
            for number, started_at, ended_at, code, report, command, *totals in rows
        )

    def add_history(self, rows: Iterable[HistoryRow]) -> None:
        """Append to the history."""
        self._db.executemany(
            f"INSERT INTO history({_HISTORY_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (msgspec.structs.astuple(row)[:8] for row in rows),
        )

    def history(self, project: str | None = None, limit: int = 1000) -> list[HistoryRow]:
        """Return the newest changes, newest first, of one project or of all."""
        where, values = ("WHERE project = ?", [project]) if project else ("", [])
        rows = self._db.execute(
            f"SELECT {_HISTORY_COLUMNS}, coalesce((SELECT started_at FROM runs WHERE id = run), '')"
            f" FROM history {where} ORDER BY history.rowid DESC LIMIT ?",
            [*values, limit],
        )
        return [_to_history_row(*row) for row in rows]


def _to_history_row(  # noqa: PLR0913 - one for each column
    run: int,
    project: str,
    filename: str,
    action: str,
    cause: str,
    detail: str,
    size: int | None,
    sha256: str | None,
    at: str,
) -> HistoryRow:
    return HistoryRow(run, project, filename, action, to_cause(cause), detail, size, sha256, at)


def to_cause(value: str) -> Cause:
    """Return the cause that a row names.

    Raises:
        StateCorrupt: the cause is unknown.
    """
    try:
        return Cause(value)
    except ValueError as error:
        raise StateCorrupt("a row of the history", str(error)) from error
