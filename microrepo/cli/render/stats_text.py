"""Texts of `stats` and `store`: counts as tables and as CSV, downloads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from microrepo.cli.render.text_tables import count, files, table
from microrepo.cli.terminal import join_lines
from microrepo.config.sizes import format_size
from microrepo.operations.inspect.statistics import Stats
from microrepo.operations.maintain.shared_store import StoreReport
from microrepo.operations.monitor.access_statistics import DownloadStats


def stats_text(stats: Stats) -> str:
    """Return the counts as tables."""
    lines = [f"{count(stats.projects, 'project')}, {files(stats.files, stats.size_bytes)}"]
    if stats.snapshots.files:
        held = files(stats.snapshots.files, stats.snapshots.size_bytes)
        lines.append(f"only snapshots hold {held} more")
    for title, counts in _stat_tables(stats):
        lines += ["", title]
        lines += table(
            (f"  {value}", f"{number:>8,}  {format_size(size):>10}")
            for value, (number, size) in counts.items()
        )
    for axis, values in stats.seen.items():
        shown = ", ".join(f"{value} ({number:,})" for value, number in list(values.items())[:30])
        lines += ["", f"{axis} seen at the source", f"  {shown or 'none'}"]
    return join_lines(lines)


def store_text(report: StoreReport, *, is_clean_up: bool) -> str:
    """Return the contents of a shared store, and what a clean-up deleted."""
    rows = [
        ("store", report.store),
        ("contents", files(report.objects, report.size_bytes)),
        ("without a link", files(report.unused, report.unused_bytes)),
    ]
    if is_clean_up:
        what = "to delete" if report.dry_run else "deleted"
        rows.append((what, files(report.deleted, report.deleted_bytes)))
    return join_lines(table(rows))


def _stat_tables(stats: Stats) -> list[tuple[str, dict[str, tuple[int, int]]]]:
    return [
        (title, {value: (tally.files, tally.size_bytes) for value, tally in counts.items()})
        for title, counts in (
            ("package type", stats.by_type),
            ("extension", stats.by_extension),
            ("python", stats.by_python),
            ("platform", stats.by_platform),
        )
    ]


def stats_csv(stats: Stats) -> str:
    """Return the counts as CSV: axis, value, files, bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["axis", "value", "files", "bytes"])
    writer.writerow(["all", "", stats.files, stats.size_bytes])
    for title, counts in _stat_tables(stats):
        writer.writerows([title, value, number, size] for value, (number, size) in counts.items())
    for axis, values in stats.seen.items():
        writer.writerows([f"seen {axis}", value, number, ""] for value, number in values.items())
    return text.getvalue()


def downloads_text(found: DownloadStats) -> str:
    """Return the downloads of access logs as tables."""
    return join_lines(_download_lines(found))


def _download_lines(found: DownloadStats) -> Iterator[str]:
    days = f"{found.first_day} to {found.last_day}" if found.first_day else "no day"
    yield (
        f"{count(found.downloads, 'download')} of {files(found.files)}, "
        f"{count(found.projects, 'project')}, {days}"
    )
    yield (
        f"{count(found.lines, 'line')} in {count(found.logs, 'log')}: {found.others:,} other "
        f"requests, {found.malformed:,} unreadable"
    )
    tables = (
        ("project", found.by_project),
        ("file", found.by_file),
        ("client", found.by_client),
        ("day", found.by_day),
    )
    for title, counts in tables:
        if counts:
            yield ""
            yield title
        for value, number in counts.items():
            yield f"  {number:>10,}  {value}"
