"""Texts of a run's report, of `index` and of `adopt`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from microrepo.cli.render.text_tables import (
    action_line,
    count,
    failure_lines,
    files,
    skipped_row,
    table,
    text_lines,
    wrapped,
)
from microrepo.cli.terminal import join_lines
from microrepo.config.sizes import format_size
from microrepo.model import ActionKind
from microrepo.operations.records.report import Report

if TYPE_CHECKING:
    # Only loaded by the commands that show them, so that `refresh` starts faster.
    from microrepo.operations.maintain.adopt import AdoptReport
    from microrepo.operations.pages.index_rebuild import IndexReport

Row = tuple[str, str]
_SHOWN_EMPTIED = 5


def report_text(report: Report, *, verbose: bool = False) -> str:
    """Return the closing table of a run, with what failed and why."""
    lines: list[str] = []
    if report.dry_run:
        lines += [action_line(action) for action in report.plan]
    lines += table(_rows(report))
    lines += failure_lines("failed", report.failed, verbose=verbose)
    lines += failure_lines("in conflict", report.conflicts, verbose=verbose)
    lines += text_lines("to build on the target, no wheel", report.sdist_only, verbose=verbose)
    lines += text_lines("newer releases not used", report.passed_over, verbose=verbose)
    held_back = [
        f"{one.project} {one.version}, due on {one.due_at[:10]}" for one in report.held_back
    ]
    lines += text_lines("held back as too young", held_back, verbose=verbose)
    lines += text_lines("reported as malware", report.malware, verbose=verbose)
    lines += text_lines("with known vulnerabilities", report.vulnerable, verbose=verbose)
    lines += text_lines("attestations not verifiable", report.unverifiable, verbose=verbose)
    lines += text_lines("refused for their provenance", report.distrusted, verbose=verbose)
    lines += text_lines("with confusable names", report.confusable, verbose=verbose)
    lines += text_lines("replaced at the source", report.replaced, verbose=verbose)
    if report.missing:
        what = "nothing found under" if report.operation == "delete" else "project not found"
        lines.append(f"{what}: {', '.join(report.missing)}")
    if report.operation in {"delete", "verify"}:
        lines += report.notes
    lines += _emptied_lines(report.emptied)
    if report.refused:
        lines.append(f"refused: {report.refused}")
    return join_lines(lines)


def _emptied_lines(emptied: Mapping[str, str]) -> list[str]:
    """Return one line for all projects without files, usually the result of another failure."""
    if not emptied:
        return []
    names = list(emptied)[:_SHOWN_EMPTIED]
    shown = [f"{name} ({emptied[name]})" for name in names]
    shown += ["..."] if len(emptied) > len(names) else []
    text = f"no file kept for {count(len(emptied), 'project')}: {', '.join(shown)}"
    return wrapped(f"{text}; run `microrepo explain {' '.join(names)}`", indent=0)


def _rows(report: Report) -> list[Row]:
    rows = [("repository", report.repository)]
    if report.environments:
        rows.append(("environments", ", ".join(report.environments)))
    if report.operation == "verify":
        rows += _verified_rows(report)
    elif report.dry_run:
        rows += _planned_rows(report)
    else:
        rows += _done_rows(report)
    rows.append(skipped_row(report.rejected))
    if report.unasked:
        rows.append(("not requested", f"{count(report.unasked, 'project')} (exclude, allow)"))
    if report.without_files:
        rows.append(("without files", count(report.without_files, "project")))
    if report.waiting:
        rows.append(("waiting", f"{count(report.waiting, 'failing project')}, retried later"))
    rows.append(("time", f"{report.seconds:.1f} s"))
    return rows


def _verified_rows(report: Report) -> list[Row]:
    rows = [("sound", files(report.totals.keep))]
    rows += _unless_zero("repaired", report.downloaded)
    rows.append(("damaged", files(len(report.failed))))
    rows += _unless_zero("to repair", len(report.plan))
    return rows


def _planned_rows(report: Report) -> list[Row]:
    totals = report.totals
    rows = _unless_zero("to download", totals.download, totals.download_bytes)
    rows += _unless_zero("to list", totals.index)
    rows += _unless_zero("to adopt", totals.adopt)
    rows += _unless_zero("to delete", totals.delete, totals.delete_bytes)
    rows += _unless_zero("up to date", totals.keep)
    if not rows:
        rows.append(("to do", "nothing"))
    return rows


def _done_rows(report: Report) -> list[Row]:
    rows = []
    if report.operation == "refresh":
        rows.append(("projects", f"{report.projects:,} checked, {report.fetched:,} changed"))
        rows.append(("downloaded", files(report.downloaded, report.downloaded_bytes)))
    if report.reused_bytes:
        rows.append(("from the store", format_size(report.reused_bytes)))
    rows += _unless_zero("listed", report.totals.index)
    rows += _unless_zero("resumed", report.resumed)
    rows += _unless_zero("from the source", report.fallbacks)
    rows += _unless_zero("adopted", report.adopted)
    if report.deleted or report.operation in {"delete", "prune"}:
        rows.append(("deleted", files(report.deleted, report.deleted_bytes)))
    if report.locks:
        changed = f", {report.locks_changed:,} changed" if report.locks_changed else ""
        rows.append(("lock files", f"{len(report.locks):,}{changed}"))
    if report.failed:
        rows.append(("failed", f"{len(report.failed):,}"))
    return rows


def _unless_zero(name: str, number: int, size_bytes: int | None = None) -> list[Row]:
    return [(name, files(number, size_bytes))] if number else []


def index_text(report: IndexReport) -> str:
    """Return the result of `microrepo index`."""
    lines = table(
        (
            ("repository", report.repository),
            ("projects", f"{report.projects:,}"),
            ("files", f"{report.files:,} ({report.read:,} read)"),
            ("pages", f"{report.published.pages:,} written"),
            ("time", f"{report.seconds:.1f} s"),
        )
    )
    lines += failure_lines("skipped", report.failed, verbose=False)
    if report.refused:
        lines.append(f"refused: {report.refused}")
    return join_lines(lines)


def adopt_text(report: AdoptReport, *, verbose: bool = False) -> str:
    """Return what was recognised and adopted, with what was skipped and why."""
    lines = [
        f"{'link' if action.kind is ActionKind.DOWNLOAD else 'record':<7} {action.filename}"
        f" ({format_size(action.file.size or 0 if action.file else 0)})"
        for action in report.plan
    ]
    linked = "to link" if report.dry_run else "linked"
    rows = [
        ("tree", report.tree),
        ("recognised", f"{report.layout} ({'; '.join(report.evidence)})"),
        ("repository", report.repository),
        ("found", files(report.found, report.found_bytes)),
        *_unless_zero(linked, report.linked, report.linked_bytes),
        *_unless_zero("of them copied", report.copied),
        *_unless_zero("recorded", report.recorded),
        *_unless_zero("already adopted", report.already),
        ("time", f"{report.seconds:.1f} s"),
    ]
    lines += table(rows)
    lines += failure_lines("skipped", report.failed, verbose=verbose)
    lines += failure_lines("in conflict", report.conflicts, verbose=verbose)
    if report.refused:
        lines.append(f"refused: {report.refused}")
    return join_lines(lines)
