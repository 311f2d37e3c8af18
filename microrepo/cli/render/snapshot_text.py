"""Texts of the actions of `snapshot`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from microrepo.cli.render.text_tables import count, failure_lines, files, table
from microrepo.cli.terminal import join_lines
from microrepo.config.sizes import format_size

if TYPE_CHECKING:
    from microrepo.operations.snapshot.snapshot_comparison import (
        FileDifference,
        SnapshotDifference,
    )
    from microrepo.operations.snapshot.snapshot_creation import SnapshotReport
    from microrepo.operations.snapshot.snapshot_files import Snapshot
    from microrepo.operations.snapshot.snapshot_listing import SnapshotDescription, SnapshotList
    from microrepo.operations.snapshot.snapshot_removal import RemovalReport
    from microrepo.operations.snapshot.snapshot_restore import RestoreReport

_ID_SHOWN = 12
_SCREEN = 20
_MARKS = {"added": "+", "removed": "-", "replaced": "~", "facts": "!"}


def snapshot_text(report: SnapshotReport, *, verbose: bool = False) -> str:
    """Return the result of `snapshot create`."""
    lines: list[str] = []
    made = report.snapshot
    if made is not None:
        verb = "would keep" if report.dry_run else "kept"
        rows = [("snapshot", f"{made.name} ({made.snapshot[:_ID_SHOWN]})"), (verb, _held(made))]
        lines += table([("repository", report.repository), *rows])
    lines += failure_lines("left out", report.failed, verbose=verbose)
    if report.refused:
        lines.append(f"refused: {report.refused}")
    return join_lines(lines)


def _held(one: Snapshot) -> str:
    return f"{count(one.projects, 'project')}, {files(one.files, one.size_bytes)}"


def snapshots_text(found: SnapshotList) -> str:
    """Return one line for each snapshot, the newest first, and what they protect."""
    if not found.snapshots:
        return join_lines(["no snapshots; `microrepo snapshot create` makes one"])
    width = max(len(one.name) for one in found.snapshots)
    lines = [
        f"{one.name:<{width}}  {_facts(one)}{_pin(one.name == found.pinned)}"
        for one in reversed(found.snapshots)
    ]
    stored = found.stored
    lines.append(
        f"{files(stored.files, stored.size_bytes)} protected; "
        f"{format_size(stored.own_bytes)} only by snapshots"
    )
    return join_lines(lines)


def _facts(one: Snapshot) -> str:
    if one.problem:
        return f"cannot be read: {one.problem}"
    run = f", run {one.run}" if one.run else ""
    note = f", {one.note}" if one.note else ""
    identity = one.snapshot[:_ID_SHOWN]
    return f"{identity}  {_time(one.created)}  {one.kept_by:<7}  {_held(one)}{run}{note}"


def _time(text: str) -> str:
    return f"{text[:16].replace('T', ' ')} UTC"


def _pin(is_pinned: bool) -> str:
    return "  (pinned)" if is_pinned else ""


def description_text(found: SnapshotDescription, *, verbose: bool = False) -> str:
    """Return the facts of a snapshot, and what of it is missing."""
    one = found.snapshot
    rows = [
        ("snapshot", f"{one.name}{_pin(found.pinned)}"),
        ("id", one.snapshot),
        ("created", f"{_time(one.created)} by {one.kept_by}"),
        ("run", str(one.run) if one.run else "unknown"),
        ("note" if one.note else "", one.note),
        ("holds", _held(one)),
        ("left out" if one.left_out else "", f"{files(one.left_out)} damaged or missing then"),
        ("only here", format_size(found.own_bytes)),
        ("restorable", "no" if found.failed else "yes"),
    ]
    return join_lines([*table(rows), *failure_lines("missing", found.failed, verbose=verbose)])


def difference_text(found: SnapshotDifference, *, show_all: bool = False) -> str:
    """Return what leads from one snapshot to another."""
    lines = [f"{found.old} -> {found.new}: {_summary(found)}"]
    shown = found.files if show_all else found.files[:_SCREEN]
    lines += [line for file in shown for line in _difference_lines(file)]
    if len(shown) < len(found.files):
        lines.append(f"  ... and {len(found.files) - len(shown):,} more (--all shows all)")
    for what, names in (
        ("releases added", found.releases_added),
        ("releases removed", found.releases_removed),
        ("projects changed", found.projects_changed),
    ):
        if names:
            rest = "" if show_all or len(names) <= _SCREEN else ", ..."
            named = ", ".join(names if show_all else names[:_SCREEN])
            lines.append(f"{what}: {len(names):,} ({named}{rest})")
    return join_lines(lines)


def _summary(found: SnapshotDifference) -> str:
    parts = [
        f"{number:,} {what}"
        for what, number in (
            ("added", found.added),
            ("removed", found.removed),
            ("replaced", found.replaced),
            ("with other facts", found.facts),
        )
        if number
    ]
    if not parts:
        return "other projects' facts" if found.projects_changed else "no difference"
    sizes = f"+{format_size(found.added_bytes)}, -{format_size(found.removed_bytes)}"
    return f"{', '.join(parts)} ({sizes})"


def _difference_lines(file: FileDifference) -> Iterator[str]:
    about = f" ({', '.join(file.facts)})" if file.change == "facts" else ""
    yield f"  {_MARKS[file.change]} {file.filename}  {format_size(file.size_bytes)}{about}"


def restore_text(report: RestoreReport, *, verbose: bool = False) -> str:
    """Return the result of `snapshot restore`."""
    lines: list[str] = []
    if report.dry_run:
        lines += [f"{'place':<9} {f.filename} ({format_size(f.size_bytes)})" for f in report.placed]
        lines += [f"{'delete':<9} {file.filename}" for file in report.leaving]
    placed = files(len(report.placed), sum(file.size_bytes for file in report.placed))
    gone = [file.disk.size_bytes for file in report.leaving if file.disk]
    is_plan = report.dry_run or bool(report.refused)
    before = f"{report.before} (restore it to undo this)"
    held = f"at {report.pinned}, until `microrepo snapshot unpin`"
    rows = [
        ("repository", report.repository),
        ("snapshot", f"{report.snapshot.name} ({report.snapshot.snapshot[:_ID_SHOWN]})"),
        ("to place" if is_plan else "placed", placed),
        ("to delete" if is_plan else "deleted", files(len(gone), sum(gone))),
        ("projects", f"{report.projects:,} changed"),
        ("kept before" if report.before else "", before),
        ("refreshes" if report.pinned and not report.refused else "", f"held {held}"),
        ("time", f"{report.seconds:.1f} s"),
    ]
    lines += table(rows)
    lines += failure_lines("missing or damaged", report.failed, verbose=verbose)
    if report.refused:
        lines.append(f"refused: {report.refused}")
    return join_lines(lines)


def removal_text(report: RemovalReport) -> str:
    """Return the result of `snapshot delete` and `snapshot prune`."""
    verb = "would delete" if report.dry_run else "deleted"
    lines = [f"{verb} {name}" for name in report.snapshots]
    if not report.snapshots:
        lines.append("no snapshot to delete")
    elif not report.dry_run:
        lines.append(f"freed {format_size(report.freed.own_bytes)}")
    return join_lines(lines)
