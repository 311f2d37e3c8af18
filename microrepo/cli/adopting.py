"""The command that takes over what another mirror program has fetched."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from microrepo.cli import render
from microrepo.cli.commands import load_settings, reporting
from microrepo.config.sizes import format_size
from microrepo.model import ActionKind
from microrepo.operations.maintain.adopt import AdoptReport, adopt


def command_adopt(arguments: argparse.Namespace) -> int:
    """Take over a tree that another program has filled."""
    loaded = load_settings(arguments)
    tree = Path(arguments.tree).expanduser().absolute()
    with reporting(arguments) as reporter:
        report = adopt(
            loaded.config,
            tree,
            dry_run=arguments.dry_run,
            copy=arguments.copy,
            reporter=reporter,
        )
    if arguments.json:
        render.print_json(report)
    elif not arguments.quiet:
        sys.stdout.write(adopt_text(report, verbose=arguments.verbose))
    if report.refused and (arguments.quiet or arguments.json):
        sys.stderr.write(f"microrepo: error: {report.refused}\n")
    return report.exit_code


def adopt_text(report: AdoptReport, *, verbose: bool = False) -> str:
    """Return what was recognised and taken, with what was left out and why."""
    lines = [
        f"{'link' if action.kind is ActionKind.DOWNLOAD else 'record':<7} {action.filename}"
        f" ({format_size(action.file.size or 0 if action.file else 0)})"
        for action in report.plan
    ]
    rows = [
        ("tree", report.tree),
        ("recognised", f"{report.layout} ({'; '.join(report.evidence)})"),
        ("repository", report.repository),
        ("found", render.files(report.found, report.found_bytes)),
        (
            "to link" if report.dry_run else "taken over",
            render.files(report.linked, report.linked_bytes),
        ),
    ]
    if report.copied:
        rows.append(("of them copied", str(report.copied)))
    if report.recorded:
        rows.append(("in place", f"{render.files(report.recorded)}, recorded"))
    rows.append(("already ours", render.files(report.already)))
    rows.append(("time", f"{report.seconds:.1f} s"))
    after = render.failure_lines("left out", report.failed, verbose=verbose)
    after += render.failure_lines("in conflict", report.conflicts, verbose=verbose)
    if report.refused:
        after.append(f"refused: {report.refused}")
    return render.closing_text(lines, rows, after)
