"""Texts of `copy`, `push` and `mirror`."""

from __future__ import annotations

from microrepo.cli.render.text_tables import (
    action_line,
    count,
    failure_lines,
    files,
    skipped_row,
    table,
    wrapped,
)
from microrepo.cli.terminal import join_lines
from microrepo.operations.copy.copy_report import CopyReport
from microrepo.operations.mirror.mirror_records import MirrorReport, ReleaseReport


def copy_text(report: CopyReport, *, verbose: bool = False) -> str:
    """Return the closing table of a copy, with what failed and why."""
    totals = report.totals
    already = totals.adopt + report.already
    lines = [action_line(action) for action in report.plan]
    lines += table(
        (
            ("source", report.source),
            ("destination", report.destination),
            ("projects", f"{report.projects:,}"),
            ("to copy", files(totals.download, totals.download_bytes))
            if report.dry_run
            else ("copied", files(report.copied, report.copied_bytes)),
            ("already there", files(already)) if already else ("", ""),
            skipped_row(report.rejected),
            ("time", f"{report.seconds:.1f} s"),
        )
    )
    lines += failure_lines("failed", report.failed, verbose=verbose)
    lines += failure_lines(
        "in conflict (--replace overwrites them)", report.conflicts, verbose=verbose
    )
    if report.missing:
        lines.append(f"project not found: {', '.join(report.missing)}")
    if report.refused:
        lines.append(f"refused: {report.refused}")
    return join_lines(lines)


def mirror_text(report: MirrorReport, *, verbose: bool = False) -> str:
    """Return one line per release that was mirrored, with what failed and why."""
    lines = [
        action_line(action)
        for release in report.releases
        for action in release.plan
        if report.dry_run
    ]
    lines += [_release_line(release) for release in report.releases]
    for release in report.releases:
        lines += [f"  redirected {text}" for text in release.redirected if verbose]
        lines += [f"  metadata kept: {text}" for text in release.marks if verbose]
        lines += [f"  metadata that cannot be copied: {text}" for text in release.marks_left]
        if release.words:
            lines += wrapped(release.words)
    if report.missing:
        lines.append(f"project not found at {report.source}: {', '.join(report.missing)}")
    lines += failure_lines("not met", report.failed, verbose=verbose)
    lines.append(f"time  {report.seconds:.1f} s")
    return join_lines(lines)


def _release_line(release: ReleaseReport) -> str:
    status = "stays at its source" if release.status == "left" else release.status
    what = f"{release.name} {release.version}: {status}"
    if release.status in {"copied", "planned"}:
        what += f", {files(release.copied, release.copied_bytes)}"
    if release.already and release.status != "present":
        what += f", {release.already:,} already at the destination"
    if release.redirected:
        what += f", {count(len(release.redirected), 'requirement')} redirected"
    return what
