"""Download statistics from access logs of web servers.

Lines are counted in a temporary SQLite database, so memory use does not grow with the logs.
"""

from __future__ import annotations

import csv
import io
import itertools
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from microrepo.exit_codes import ExitCode
from microrepo.formats.access_log import Hit, parse_hit
from microrepo.operations.monitor.log_files import LogError, expand_logs, log_lines
from microrepo.operations.records.report import Failure
from microrepo.stores.atomic_write import Replacement

_KEYS_IN_MEMORY = 50_000
_COLUMNS = ("day", "project", "file", "client")

Row = tuple[str, str, str, str, int]


class DownloadStats(Struct, frozen=True):
    """Counts of downloads.

    Attributes:
        logs: files that were read, `lines` in total.
        downloads: complete downloads of distributions.
        others: other requests; `malformed` lines are not log entries.
        first_day, last_day: days of the downloads, UTC; None without any.
        projects, files: number of distinct ones.
        by_project, by_file, by_client: the most frequent, most frequent first.
        by_day: all days.
        unreadable: logs that could not be read completely, and why.
    """

    exit_code: int
    logs: int
    lines: int
    downloads: int
    others: int
    malformed: int
    first_day: str | None
    last_day: str | None
    projects: int
    files: int
    by_project: dict[str, int]
    by_file: dict[str, int]
    by_client: dict[str, int]
    by_day: dict[str, int]
    unreadable: tuple[Failure, ...] = ()


class Downloads:
    """Counts of downloads by day, project, file and client; `counting` makes it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection
        self._counts: Counter[Hit] = Counter()
        self._unreadable: list[Failure] = []
        self._logs = self._lines = self._downloads = self._malformed = 0
        self._db.execute(
            "CREATE TABLE downloads(day TEXT, project TEXT, file TEXT, client TEXT, count INTEGER, "
            "PRIMARY KEY(day, project, file, client)) WITHOUT ROWID"
        )

    def read(self, path: str) -> None:
        """Count the entries of a log; `-` is standard input. Unreadable logs are recorded."""
        self._logs += 1
        try:
            for line in log_lines(path):
                self._lines += 1
                self._count(line)
        except LogError as error:
            self._unreadable.append(Failure(path, str(error)))
        self._save()

    def _count(self, line: str | None) -> None:
        try:
            hit = parse_hit(line) if line is not None else None
        except ValueError:
            self._malformed += bool(line and line.strip())
            return
        if line is None:
            self._malformed += 1
        elif hit is not None:
            self._downloads += 1
            self._counts[hit] += 1
            if len(self._counts) >= _KEYS_IN_MEMORY:
                self._save()

    def _save(self) -> None:
        self._db.executemany(
            "INSERT INTO downloads VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET count = count + excluded.count",
            (
                (hit.day, hit.project, hit.filename, hit.client, count)
                for hit, count in self._counts.items()
            ),
        )
        self._counts.clear()

    def rows(self) -> Iterator[Row]:
        """Yield (day, project, file, client, count), in this order."""
        return iter(self._db.execute("SELECT * FROM downloads ORDER BY 1, 2, 3, 4"))

    def stats(self, top: int) -> DownloadStats:
        """Return the totals, with the `top` most frequent values of each kind."""
        days = self._most("day", -1)
        malformed = self._malformed
        return DownloadStats(
            exit_code=ExitCode.INCOMPLETE if self._unreadable else ExitCode.DONE,
            logs=self._logs,
            lines=self._lines,
            downloads=self._downloads,
            others=self._lines - self._downloads - malformed,
            malformed=malformed,
            first_day=min(days, default=None),
            last_day=max(days, default=None),
            projects=self._distinct("project"),
            files=self._distinct("file"),
            by_project=self._most("project", top),
            by_file=self._most("file", top),
            by_client=self._most("client", top),
            by_day=dict(sorted(days.items())),
            unreadable=tuple(self._unreadable),
        )

    def _most(self, column: str, limit: int) -> dict[str, int]:
        assert column in _COLUMNS  # noqa: S101 - it becomes part of a query
        return dict(
            self._db.execute(
                f"SELECT {column}, sum(count) FROM downloads GROUP BY 1 "  # noqa: S608
                "ORDER BY 2 DESC, 1 LIMIT ?",
                (limit,),
            ).fetchall()
        )

    def _distinct(self, column: str) -> int:
        assert column in _COLUMNS  # noqa: S101 - it becomes part of a query
        query = f"SELECT count(DISTINCT {column}) FROM downloads"  # noqa: S608
        return int(self._db.execute(query).fetchone()[0])


@contextmanager
def counting(logs: Sequence[str]) -> Iterator[Downloads]:
    """Read logs and yield the counts.

    Args:
        logs: files, plain or compressed (gzip, bzip2, xz, detected by content), patterns with `*`,
            or `-` for standard input.

    Raises:
        ConfigError: a pattern matches no file.
    """
    paths = expand_logs(logs)
    connection = sqlite3.connect("", isolation_level=None)  # a temporary file of SQLite
    try:
        downloads = Downloads(connection)
        connection.execute("BEGIN")
        for path in paths:
            downloads.read(path)
        yield downloads
    finally:
        connection.close()


# --- CSV ------------------------------------------------------------------------------------------


def csv_lines(downloads: Downloads) -> Iterator[str]:
    """Yield all counts as lines of CSV, with a header."""
    yield _csv_line((*_COLUMNS, "count"))
    for row in downloads.rows():
        yield _csv_line(row)


def write_days(downloads: Downloads, folder: Path) -> list[Path]:
    """Write the counts of each day into its own CSV file, atomically.

    The first and the last day are skipped: logs rarely begin or end at midnight, and another run
    may have written a more complete file for such a day.

    Returns:
        The files, in the order of their days.

    Raises:
        OSError: one cannot be written.
    """
    stats = downloads.stats(0)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for day, rows in itertools.groupby(downloads.rows(), key=lambda row: row[0]):
        if day in {stats.first_day, stats.last_day}:
            continue
        path = folder / f"{day}.csv"
        with Replacement(path) as replacement:
            replacement.stream.write(_csv_line((*_COLUMNS[1:], "count")).encode())
            replacement.stream.writelines(_csv_line(row[1:]).encode() for row in rows)
            replacement.put_in_place()
        written.append(path)
    return written


def _csv_line(row: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()
