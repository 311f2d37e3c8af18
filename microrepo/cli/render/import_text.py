"""Text of `import`."""

from __future__ import annotations

from microrepo.cli.render.text_tables import failure_lines, files, table
from microrepo.cli.terminal import join_lines
from microrepo.config.sizes import format_size
from microrepo.operations.bundle_import.import_report import ImportReport


def import_text(report: ImportReport, *, verbose: bool = False) -> str:
    """Return the result of an import; a dry run lists every change."""
    lines: list[str] = []
    if report.dry_run or verbose:
        for placed in report.placed:
            mark = "~" if placed.replaces else "+"
            lines.append(f"{mark} {placed.filename} ({format_size(placed.size_bytes)})")
        lines += [f"- {file.filename}" for file in report.leaving]
    lines += report.notes
    if not report.refused:
        gone = [file.disk.size_bytes for file in report.leaving if file.disk]
        put = files(len(report.placed), sum(file.size_bytes for file in report.placed))
        aside = [file.filename for file in report.placed if file.aside and file.replaces]
        is_same = not (report.placed or report.leaving or report.projects)
        lines += table(
            (
                ("repository", report.repository),
                ("bundle", report.bundle),
                ("to place" if report.dry_run else "put in place", put),
                ("to delete" if report.dry_run else "deleted", files(len(gone), sum(gone))),
                ("in quarantine" if aside else "", f"{', '.join(aside)} (as it was here before)"),
                ("projects", f"{report.projects:,} changed"),
                ("result" if is_same else "", "applied already; nothing to do"),
                ("time", f"{report.seconds:.1f} s"),
            )
        )
    lines += failure_lines("failed", report.failed, verbose=verbose)
    if report.refused:
        lines.append(f"refused: {report.refused}")
    return join_lines(lines)
