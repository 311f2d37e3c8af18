"""Texts of `explain`, `history`, `health` and `check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec

from microrepo.cause_texts import cause_text
from microrepo.cli.render.text_tables import count, files, wrapped
from microrepo.cli.terminal import join_lines
from microrepo.config.sizes import format_size
from microrepo.exit_codes import ExitCode
from microrepo.model import Decision, Evidence

if TYPE_CHECKING:
    from microrepo.operations.closure.check import CheckReport
    from microrepo.operations.inspect.explained_names import UnknownName
    from microrepo.operations.inspect.explanation import Explanation
    from microrepo.operations.inspect.history import History
    from microrepo.operations.inspect.import_search import ImportAnswer
    from microrepo.operations.monitor.change_list import Change
    from microrepo.operations.monitor.health import Health
    from microrepo.state import HistoryRow, RunRow

_HEALTH = {ExitCode.DONE: "fine", ExitCode.FAILED: "failed"}
_EVIDENCE = {
    "NAME": "its metadata names the module",
    "NAMESPACE": "its metadata names the namespace, which other projects can share",
    "MODULE": "the module is in it",
    "PORTION": "modules below the namespace are in it",
}
_SHOWN_PROJECTS = 20
_SHOWN_VERSIONS = 8
_SCREEN, _FEWEST_FILES, _SHOWN_CHAINS = 20, 3, 3


def explanation_text(found: Sequence[Explanation], *, show_all: bool = False) -> str:
    """Return the files of each project, kept ones first, with the rule that decided."""
    most = max(_FEWEST_FILES, _SCREEN // max(1, len(found)))
    lines = []
    for one in found:
        shown = one.decisions if show_all else one.decisions[:most]
        lines += [*_project_lines(one), *(text for d in shown for text in _file_lines(one, d))]
        lines += _rest_lines(one.decisions[len(shown) :])
    return join_lines(lines)


def _project_lines(found: Explanation) -> Iterator[str]:
    row = found.row
    origin = f"from {row.source}, " if row.source else ""
    checked = f"checked {row.checked_at}" if row.checked_at else "not listed by any source yet"
    yield f"{found.project.display_name}: {origin}status {row.status}, {checked}"
    if row.error:
        yield from wrapped(f"last attempt failed: {row.error}; retried after {row.retry_at}")
    for one in found.unmet:
        yield from wrapped(f"not met by the last refresh: {one.what}: {one.why}")
    if found.is_unmet and not found.unmet:
        yield from wrapped("no file is present; `microrepo refresh --dry-run` shows why")


def _file_lines(found: Explanation, decision: Decision) -> Iterator[str]:
    name = decision.file.filename
    mark = "kept " if decision.keep else "out  "
    detail = f" ({decision.detail})" if decision.detail else ""
    there = "" if name in found.present or not decision.keep else ", not downloaded yet"
    origin = f", from {decision.file.source}" if decision.file.source else ""
    yield from wrapped(f"{mark} {name}: {decision.cause.value}{detail}{there}{origin}")
    if decision.file.evidence is not None and decision.file.evidence.publishers:
        yield from wrapped(_attested(decision.file.evidence), indent=9)
    chains = found.chains.get(name, ())
    for chain in chains[:_SHOWN_CHAINS]:
        yield from wrapped(f"for {chain}", indent=9)
    if len(chains) > _SHOWN_CHAINS:
        yield f"         and for {count(len(chains) - _SHOWN_CHAINS, 'other requirement')}"


def _attested(evidence: Evidence) -> str:
    """Return who attested a file, and whether that was verified."""
    names = " and ".join(map(str, evidence.publishers))
    if evidence.verdict is None:
        return f"attested by {names}"
    detail = f" ({evidence.detail})" if evidence.detail else ""
    return f"attested by {names}: {evidence.verdict.value}{detail}"


def _rest_lines(decisions: Sequence[Decision]) -> list[str]:
    """Return the line that sums up the files that are not shown."""
    if not decisions:
        return []
    counts = Counter("kept" if one.keep else one.cause.value for one in decisions)
    by_cause = ", ".join(f"{number:,} {cause}" for cause, number in counts.most_common())
    return [f"  ... and {files(len(decisions))} more ({by_cause}); --all shows them"]


def unknown_text(found: UnknownName) -> str:
    """Return why a name matches nothing, with what its project has instead."""
    if found.is_missing:
        return f"the last refresh did not find {found.target!r} at the source"
    if not found.project:
        return f"no file or project matches {found.target!r}; `microrepo list` lists the files"
    more = ", …" if found.versions[_SHOWN_VERSIONS:] else ""
    listed = ", ".join(found.versions[:_SHOWN_VERSIONS]) or "none"
    return f"{found.project} has no release for {found.target!r} (it has {listed}{more})"


def import_text(found: ImportAnswer) -> str:
    """Return the projects that provide a module, and what says so."""
    lines = [
        f"{one.project} {one.version}: {_EVIDENCE[one.evidence.name]}"
        f"{', as private' if one.is_private else ''} ({one.filename})"
        for one in found.matches
    ]
    if not lines:
        lines = [f"no project provides {found.module} ({count(found.read, 'project')} searched)"]
    return join_lines(lines)


def unread_text(found: ImportAnswer) -> str:
    """Return how many projects were not searched, and what to do."""
    return (
        f"{count(found.unread, 'project')} not searched: too many, or only sdists that state no names. Name "
        f"projects, such as `microrepo explain --import {found.module} 'py*'`, to search only these."
    )


def history_text(found: History) -> str:
    """Return the runs, each with its date, totals and the files that it added or deleted."""
    by_run = {
        number: list(rows) for number, rows in groupby(found.changes, key=lambda row: row.run)
    }
    lines: list[str] = []
    for number in sorted(by_run.keys() | found.snapshots.keys(), reverse=True):
        changes, run = by_run.get(number, []), found.runs.get(number)
        started_at = changes[0].at if changes else run.started_at if run else ""
        lines.append(_run_line(number, started_at, run))
        lines += [f"  made the snapshot {name}" for name in found.snapshots.get(number, ())]
        lines += [
            f"  {row.action:<6}  {row.filename}  {cause_text(row.cause, row.detail)}"
            for row in changes
        ]
    return join_lines(lines)


def _run_line(number: int, started_at: str, run: RunRow | None) -> str:
    when = f", {started_at[:19].replace('T', ' ')} UTC" if started_at else ""
    if run is None:
        return f"run {number}{when}"
    totals = run.totals
    done = [
        f"{what} {files(number_of, size)}"
        for what, number_of, size in (
            ("downloaded", totals.downloaded, totals.downloaded_bytes),
            ("deleted", totals.deleted, totals.deleted_bytes),
        )
        if number_of
    ]
    done += [f"{totals.failed:,} failed"] if totals.failed else []
    text = f"run {number}{when}, {run.command}" if run.command else f"run {number}{when}"
    return f"{text}: {'; '.join(done)}" if done else text


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

    ages = [] if found.age_s is None else [f"refreshed {span(found.age_s)} ago"]
    if found.last_import and found.import_age_s is not None:
        ages.append(f"bundle {found.last_import.sequence} imported {span(found.import_age_s)} ago")
    age = ", ".join(ages) or "no refresh yet"
    word = _HEALTH.get(ExitCode(found.exit_code), "incomplete")
    held = f"{count(found.projects, 'project')}, {files(found.files, found.size_bytes)}"
    lines = [f"{word}: {age}; {held}"]
    lines += [f"  {problem}" for problem in found.problems]
    if found.pinned:
        lines.append(f"  held at the snapshot {found.pinned}")
    if found.snapshot_bytes:
        lines.append(f"  only snapshots hold {format_size(found.snapshot_bytes)} more")
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


def _builds_line(entry: tuple[str, dict[str, str]]) -> str:
    """Return which builds an environment was checked with."""
    environment, labels = entry
    builds = ", ".join(
        f"{project} +{label}" if label else f"{project} without a local version"
        for project, label in labels.items()
    )
    return f"{environment}: checked with {builds}; clients need its lock file or a pin"


def check_text(report: CheckReport, requirements: Sequence[str], *, is_here: bool) -> str:
    """Return the outcome of a check.

    Args:
        requirements: what was checked; empty for every project.
        is_here: the environments describe this machine.
    """
    places = ", ".join(report.environments)
    where = f"{places}, this machine" if is_here else places
    one = report.goals == 1
    what = requirements[0] if one and len(requirements) == 1 else count(report.goals, "goal")
    if report.closed:
        verb = "installs" if one else "install"
        lines = [f"OK: {what} {verb} on {where}"]
    elif not report.goals:
        lines = [f"FAILED: nothing to check on {where}"]
    else:
        unmet = len({missing.goal for missing in report.missing})
        of_all = what if one else f"{unmet:,} of {what}"
        lines = [f"FAILED: {of_all} {'does' if one or unmet == 1 else 'do'} not install on {where}"]
    lines += map(_builds_line, report.local_versions.items())
    for missing in report.missing:
        lines.append(f"missing: {missing.goal} for {missing.environment}")
        lines += [line for reason in missing.reasons for line in wrapped(reason)]
    if report.sdist_only:
        lines.append("built from source on the target, because there is no wheel:")
        lines += [
            f"  {built.project} {built.version} for {built.environment}"
            for built in report.sdist_only
        ]
    lines += [f"warning: {text}" for text in report.warnings]
    lines += [f"locked: {path}" for path in report.locks]
    return join_lines(lines)
