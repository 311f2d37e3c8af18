"""Results as text for people and as JSON for machines."""

from __future__ import annotations

import csv
import io
import json
import sys
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from microrepo.cause_texts import action_text, cause_text
from microrepo.config.load import Loaded, shown
from microrepo.config.schema import options
from microrepo.config.sizes import format_size
from microrepo.model import Action, ActionKind
from microrepo.operations.records.report import Failure, Report

if TYPE_CHECKING:
    # What other commands show is loaded by them: a refresh every few minutes should not.
    from microrepo.operations.inspect.inspection import Explanation, Stats
    from microrepo.operations.pages.index_rebuild import IndexReport
    from microrepo.state import HistoryRow

_SHOWN_LINES = 20


def print_json(value: object) -> None:
    """Print a record as indented JSON on standard output."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # an older locale: what it cannot show is written as JSON's escapes
        text = json.dumps(json.loads(text), indent=2)
    sys.stdout.write(text + "\n")


def report_text(report: Report, *, verbose: bool = False) -> str:
    """Return the closing table of a run, with what failed and why."""
    lines: list[str] = []
    if report.dry_run:
        lines += [action_line(action) for action in report.plan]
    lines += _table(_rows(report))
    lines += failure_lines("failed", report.failed, verbose=verbose)
    lines += failure_lines("in conflict", report.conflicts, verbose=verbose)
    lines += text_lines("with advisories", report.vulnerable, verbose=verbose)
    if report.missing:
        what = "nothing of that name" if report.operation == "delete" else "no such project"
        lines.append(f"{what}: {', '.join(report.missing)}")
    if report.operation == "delete":
        lines += report.notes
    if report.refused:
        lines.append(f"refused: {report.refused}")
    return printable(lines)


def printable(lines: Iterable[str]) -> str:
    """Join lines, with control characters spelt out: sources choose names and reasons freely."""
    return "".join(
        char if char.isprintable() or char == "\n" else repr(char)[1:-1]
        for char in "\n".join(lines) + "\n"
    )


def _rows(report: Report) -> list[tuple[str, str]]:
    totals, rows = report.totals, [("repository", report.repository)]
    if report.operation == "verify":
        rows += [
            ("sound", files(totals.keep)),
            ("repaired", files(report.downloaded)) if report.downloaded else ("", ""),
            ("damaged", files(len(report.failed))),
            ("to repair", files(len(report.plan))) if report.plan else ("", ""),
        ]
    elif report.dry_run:
        rows += [
            ("to download", files(totals.download, totals.download_bytes)),
            ("to list", files(totals.index)) if totals.index else ("", ""),
            ("to adopt", files(totals.adopt)) if totals.adopt else ("", ""),
            ("to delete", files(totals.delete, totals.delete_bytes)),
            ("already there", files(totals.keep)) if totals.keep else ("", ""),
        ]
    else:
        rows += _done_rows(report)
    if report.rejected:
        left_out = (f"{count} by {rule}" for rule, count in report.rejected.items())
        rows.append(("left out", ", ".join(left_out)))
    if report.unasked:
        rows.append(("not asked for", f"{report.unasked} projects, by `exclude` and `allow`"))
    if report.without_files:
        rows.append(("no file left", f"of {report.without_files} projects"))
    if report.waiting:
        rows.append(("waiting", f"{report.waiting} failing projects, tried again later"))
    rows.append(("time", f"{report.seconds:.1f} s"))
    return [row for row in rows if row[0]]


def _done_rows(report: Report) -> list[tuple[str, str]]:
    rows = []
    if report.operation == "refresh":
        looked = f"{report.projects} looked at, {report.fetched} changed"
        rows = [
            ("projects", looked),
            ("downloaded", files(report.downloaded, report.downloaded_bytes)),
        ]
    if report.totals.index:
        rows.append(("listed", files(report.totals.index)))
    if report.resumed:
        rows.append(("resumed", files(report.resumed)))
    if report.fallbacks:
        rows.append(("not at the file host", files(report.fallbacks)))
    if report.adopted:
        rows.append(("adopted", files(report.adopted)))
    rows.append(("deleted", files(report.deleted, report.deleted_bytes)))
    if report.locks:
        rows.append(("lock files", f"{len(report.locks)}, {report.locks_changed} of them changed"))
    if report.failed:
        rows.append(("failed", str(len(report.failed))))
    return rows


def files(count: int, size_bytes: int | None = None) -> str:
    """Return a number of files, with their size where it is known."""
    noun = "file" if count == 1 else "files"
    return f"{count} {noun}" + ("" if size_bytes is None else f", {format_size(size_bytes)}")


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def failure_lines(title: str, failures: Iterable[Failure], *, verbose: bool) -> list[str]:
    """Return failures under a title, one a line; only the first ones unless `verbose`."""
    texts = (
        failure.why if failure.why.startswith(failure.what) else f"{failure.what}: {failure.why}"
        for failure in failures
    )
    return text_lines(title, texts, verbose=verbose)


def text_lines(title: str, texts: Iterable[str], *, verbose: bool) -> list[str]:
    """Return texts under a title, one a line; only the first ones unless `verbose`."""
    texts = list(texts)
    if not texts:
        return []
    limit = len(texts) if verbose else _SHOWN_LINES
    lines = [f"{title}:", *(f"  {text}" for text in texts[:limit])]
    if len(texts) > limit:
        lines.append(f"  ... and {len(texts) - limit} more (all with --verbose)")
    return lines


def action_line(action: Action) -> str:
    """Return one line of a plan."""
    size = f" ({format_size(action.size_bytes)})" if action.size_bytes else ""
    why = f": {action_text(action)}" if action.kind is not ActionKind.DOWNLOAD else ""
    return f"{action.kind.value:<9} {action.filename}{size}{why}"


def change_record(row: HistoryRow) -> dict[str, object]:
    """Return one line of the history for JSON, with its reason in words."""
    record: dict[str, object] = msgspec.to_builtins(row)
    return {**record, "reason": cause_text(row.cause, row.detail)}


def history_text(rows: Iterable[HistoryRow]) -> str:
    """Return the history as lines."""
    return printable(
        f"run {row.run}  {row.action:<6}  {row.filename}  {cause_text(row.cause, row.detail)}"
        for row in rows
    )


def index_text(report: IndexReport) -> str:
    """Return what `microrepo index` did."""
    lines = _table(
        (
            ("repository", report.repository),
            ("projects", str(report.projects)),
            ("files", f"{report.files}, {report.read} of them read"),
            ("pages", f"{report.published.pages} written"),
            ("time", f"{report.seconds:.1f} s"),
        )
    )
    lines += failure_lines("left out", report.failed, verbose=False)
    if report.refused:
        lines.append(f"refused: {report.refused}")
    return printable(lines)


def settings_text(loaded: Loaded) -> str:
    """Return the effective settings, one per line, with where each comes from."""
    rows = [
        (f"{key} = {json.dumps(about['value'], ensure_ascii=False)}", str(about["origin"]))
        for key, about in shown(loaded).items()
    ]
    width = min(60, max(len(row[0]) for row in rows))
    head = f"config file: {loaded.path or 'none'}\n"
    return head + "".join(f"{text:<{width}}  # {origin}\n" for text, origin in rows)


def keys_text() -> str:
    """Return every key with its default and meaning."""
    blocks = []
    for option in options():
        default = json.dumps(option.default)
        about = textwrap.fill(option.help, 76, initial_indent="    ", subsequent_indent="    ")
        blocks.append(f"{option.key} (default {default})\n{about}\n")
    return "\n".join(blocks)


def stats_text(stats: Stats) -> str:
    """Return the counts as tables."""
    lines = [
        f"{stats.projects} projects, {files(stats.files, stats.size_bytes)}",
    ]
    for title, table in _stat_tables(stats):
        lines += ["", title]
        lines += _table(
            (f"  {value}", f"{files:>8}  {format_size(size):>10}")
            for value, (files, size) in table.items()
        )
    for axis, values in stats.seen.items():
        shown_values = ", ".join(f"{value} ({count})" for value, count in list(values.items())[:30])
        lines += ["", f"{axis} seen at the source", f"  {shown_values or 'none'}"]
    return printable(lines)


def _stat_tables(stats: Stats) -> list[tuple[str, dict[str, tuple[int, int]]]]:
    return [
        (title, {value: (tally.files, tally.size_bytes) for value, tally in table.items()})
        for title, table in (
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
    for title, table in _stat_tables(stats):
        writer.writerows([title, value, files, size] for value, (files, size) in table.items())
    for axis, values in stats.seen.items():
        writer.writerows([f"seen {axis}", value, count, ""] for value, count in values.items())
    return text.getvalue()


def explanation_text(found: Explanation) -> str:
    """Return one line per file, kept ones first, with the rule that decided."""
    row = found.row
    origin = f"from {row.source}, " if row.source else ""
    about = f"{origin}status {row.status}, checked {row.checked_at}"
    lines = [f"{found.project.display_name}: {about}"]
    if row.error:
        lines.append(f"  last attempt failed: {row.error}; tried again after {row.retry_at}")
    for decision in sorted(found.decisions, key=lambda d: not d.keep):
        name = decision.file.filename
        mark = "kept " if decision.keep else "out  "
        detail = f" ({decision.detail})" if decision.detail else ""
        there = "" if name in found.present or not decision.keep else ", not there yet"
        lines.append(f"  {mark} {name}: {decision.cause.value}{detail}{there}")
        lines += [f"         for {chain}" for chain in found.chains.get(name, ())]
    return printable(lines)


def closing_text(
    before: Iterable[str], rows: Iterable[tuple[str, str]], after: Iterable[str]
) -> str:
    """Return lines, a table of names and values, and further lines as one text."""
    return printable([*before, *_table(rows), *after])
