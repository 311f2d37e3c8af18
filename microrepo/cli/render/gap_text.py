"""Texts of `export`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from microrepo.cli.render.text_tables import failure_lines, files, table
from microrepo.cli.terminal import join_lines
from microrepo.config.sizes import format_size

if TYPE_CHECKING:
    from microrepo.operations.export.export_run import ExportReport
    from microrepo.operations.export.sent_manifests import SentManifest


def export_text(report: ExportReport) -> str:
    """Return what a bundle carries, and what to do with it."""
    rows = [
        ("repository", report.repository),
        ("since", report.base),
        ("snapshot", report.snapshot[:12]),
        ("to send" if report.dry_run else "sent", files(report.files, report.size_bytes)),
        ("deletions", files(report.deleted)) if report.deleted else ("", ""),
        ("volumes", f"{report.volume_count:,}") if report.volume_count > 1 else ("", ""),
        ("signed", "yes" if report.is_signed else "no"),
        ("time", f"{report.seconds:.1f} s"),
    ]
    lines = table(rows)
    lines += failure_lines("not sent", report.failed, verbose=False)
    if report.is_unchanged:
        lines.append(
            "Nothing has changed since then, so no bundle was written. `--full` sends everything."
        )
    lines += [f"wrote {path}" for path in report.volumes if path != "-"]
    return join_lines(lines)


def sent_text(sent: Sequence[SentManifest]) -> str:
    """Return the sent bundles, the newest first."""
    if not sent:
        return join_lines(["no bundle was sent"])
    return join_lines(
        f"{one.sequence}  {one.snapshot[:12]}  {format_size(one.path.stat().st_size)} of lists"
        for one in reversed(sent)
    )
