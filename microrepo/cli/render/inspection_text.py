"""Texts of `explain`, `history`, `health` and `check`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from microrepo.cause_texts import cause_text
from microrepo.cli.render.text_tables import count, files
from microrepo.cli.terminal import join_lines
from microrepo.config.sizes import format_size
from microrepo.exit_codes import ExitCode

if TYPE_CHECKING:
    from microrepo.operations.closure.check import CheckReport
    from microrepo.operations.inspect.inspection import Explanation
    from microrepo.operations.monitor.change_list import Change
    from microrepo.operations.monitor.health import Health
    from microrepo.state import HistoryRow

_HEALTH = {ExitCode.DONE: "fine", ExitCode.FAILED: "failed"}
_SHOWN_PROJECTS = 20


def explanation_text(found: Explanation) -> str:
    """Return one line per file, kept ones first, with the rule that decided."""
    row = found.row
    origin = f"from {row.source}, " if row.source else ""
    lines = [f"{found.project.display_name}: {origin}status {row.status}, checked {row.checked_at}"]
    if row.error:
        lines.append(f"  last attempt failed: {row.error}; retried after {row.retry_at}")
    for decision in sorted(found.decisions, key=lambda d: not d.keep):
        name = decision.file.filename
        mark = "kept " if decision.keep else "out  "
        detail = f" ({decision.detail})" if decision.detail else ""
        there = "" if name in found.present or not decision.keep else ", not downloaded yet"
        lines.append(f"  {mark} {name}: {decision.cause.value}{detail}{there}")
        lines += [f"         for {chain}" for chain in found.chains.get(name, ())]
    return join_lines(lines)


def history_text(rows: Iterable[HistoryRow]) -> str:
    """Return one line per file that was added or deleted."""
    return join_lines(
        f"run {row.run}  {row.action:<6}  {row.filename}  {cause_text(row.cause, row.detail)}"
        for row in rows
    )


def change_record(row: HistoryRow) -> dict[str, object]:
    """Return one line of the history for JSON, with its reason in words."""
    record: dict[str, object] = msgspec.to_builtins(row)
    return {**record, "reason": cause_text(row.cause, row.detail)}


def change_text(change: Change) -> str:
    """Return the line of one changed path."""
    size = "" if change.size is None else f"  {format_size(change.size)}"
    return join_lines([f"{change.action:<6}  {change.path}{size}"])


def health_text(found: Health, *, verbose: bool = False) -> str:
    """Return one line with the outcome, as monitors show it, and details."""
    from microrepo.operations.monitor.health import span

    age = "no refresh yet" if found.age_s is None else f"refreshed {span(found.age_s)} ago"
    word = _HEALTH.get(ExitCode(found.exit_code), "incomplete")
    held = f"{count(found.projects, 'project')}, {files(found.files, found.size_bytes)}"
    lines = [f"{word}: {age}; {held}"]
    lines += [f"  {problem}" for problem in found.problems]
    if found.running:
        lines.append(f"  running: {found.running}")
    if found.failing:
        shown = found.failing_projects if verbose else found.failing_projects[:_SHOWN_PROJECTS]
        lines.append("failing:")
        for project in shown:
            again = f"; retried after {project.retry_at}" if project.retry_at else ""
            lines.append(f"  {project.name}: {project.error}{again}")
        if found.failing > len(shown):
            lines.append(f"  ... and {found.failing - len(shown):,} more")
    return join_lines(lines)


def check_text(report: CheckReport, requirements: Sequence[str], *, is_here: bool) -> str:
    """Return the outcome of a check.

    Args:
        report: the outcome.
        requirements: what was checked; empty for every project.
        is_here: the environments describe this machine.
    """
    places = ", ".join(report.environments)
    where = f"{places}, this machine" if is_here else places
    one = report.goals == 1
    what = requirements[0] if one and len(requirements) == 1 else count(report.goals, "goal")
    if report.closed:
        verb = "installs" if one else "install"
        lines = [f"OK: {what} {verb} on {where}" if report.goals else "OK: nothing to check"]
    else:
        unmet = len({missing.goal for missing in report.missing})
        of_all = what if one else f"{unmet:,} of {what}"
        lines = [f"FAILED: {of_all} {'does' if one or unmet == 1 else 'do'} not install on {where}"]
    for missing in report.missing:
        lines.append(f"missing: {missing.goal} for {missing.environment}")
        lines += [f"  {reason}" for reason in missing.reasons]
    if report.sdist_only:
        lines.append("built from source on the target, because there is no wheel:")
        lines += [
            f"  {built.project} {built.version} for {built.environment}"
            for built in report.sdist_only
        ]
    lines += [f"warning: {text}" for text in report.warnings]
    lines += [f"locked: {path}" for path in report.locks]
    return join_lines(lines)
