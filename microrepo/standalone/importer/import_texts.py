"""Texts about imports, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from microrepo.standalone.importer.bundle_header import BundleHeader
from microrepo.standalone.importer.intake.import_decision import CurrentImport, ImportVerdict
from microrepo.standalone.importer.intake.receiving import Received
from microrepo.standalone.importer.switch.import_plan import ImportPlan
from microrepo.standalone.server.labels import counted, format_bytes

_FEW_NAMES = 10
_RECEIPT_ADVICE = (
    "Run `microrepo receipt R` here (or import.py with --receipt R), carry the file R outside, and "
    "run `microrepo export OUT --for R` there."
)


def bundle_title(header: BundleHeader) -> str:
    """Return the name of a bundle for people."""
    return f"bundle {header.sequence} (snapshot {header.snapshot[:12]}, {header.created})"


def refusal_text(received: Received, current: CurrentImport) -> str:
    """Return why a bundle was not applied, and what helps."""
    header, verdict = received.header, received.verdict
    title = bundle_title(header)
    if verdict is ImportVerdict.OLDER:
        return (
            f"{title} is older than the present one ({current.sequence}). Import the newest "
            "bundle, or go back on purpose with --rollback."
        )
    if verdict is ImportVerdict.CONFLICT:
        return (
            f"{title} has the number of the present one, but another snapshot "
            f"({current.snapshot[:12]}). Export a new bundle outside; to take this one, add "
            "--rollback."
        )
    if verdict is ImportVerdict.ANOTHER_ORIGIN:
        return (
            f"{title} comes from another repository ({header.origin[:12]}) than the bundles "
            f"before it ({current.origin[:12]}). If that is right, add --new-origin."
        )
    if verdict is ImportVerdict.INCOMPLETE:
        return f"{title}: {_incomplete(received)}"
    base = header.base[:12] or "nothing"
    return (
        f"{title} starts from {base}, and {counted(len(received.lacking), 'file')} that it relies "
        f"on is not here: {_some(received.lacking)}. {_RECEIPT_ADVICE}"
    )


def _incomplete(received: Received) -> str:
    parts = list(received.damage)
    if received.missing_volumes:
        volumes = received.header.volumes
        numbers = [f"{number} of {volumes}" for number in received.missing_volumes]
        word = "volume" if len(numbers) == 1 else "volumes"
        parts.append(f"{word} {_some(numbers)} not read completely")
    return (
        f"{'; '.join(parts)}. What was good is kept: import the missing or damaged volumes again "
        "(a new copy, if they are damaged), and only those."
    )


def plan_lines(plan: ImportPlan, header: BundleHeader) -> Iterator[str]:
    """Yield what an import changes, for a dry run."""
    yield f"{bundle_title(header)}:"
    new_bytes = sum(file.size_bytes for file in plan.placed)
    yield f"  put in place: {counted(len(plan.placed), 'file')} ({format_bytes(new_bytes)})"
    yield f"  unchanged: {counted(plan.unchanged, 'file')}"
    for file in plan.placed:
        what = "~" if file.replaces else "+"
        yield f"  {what} {file.filename}"
    aside = [file.filename for file in plan.placed if file.aside]
    if aside:
        yield f"  moved to quarantine first, since no import put them there: {_some(aside)}"
    yield f"  delete: {counted(len(plan.leaving), 'file')}"
    for leaving in plan.leaving:
        yield f"  - {leaving.filename}"
    if plan.kept:
        yield f"  kept, although the bundle deletes them: {_some(plan.kept)} (replaced here)"


def applied_text(plan: ImportPlan, header: BundleHeader) -> str:
    """Return what an import has changed."""
    if plan.is_empty:
        return f"{bundle_title(header)} is applied already; nothing to do"
    new_bytes = sum(file.size_bytes for file in plan.placed)
    return (
        f"{bundle_title(header)} is applied: {counted(len(plan.placed), 'file')} put in place "
        f"({format_bytes(new_bytes)}), {counted(len(plan.leaving), 'file')} deleted, "
        f"{plan.unchanged:,} unchanged"
    )


def _some(names: Sequence[str] | Iterable[str]) -> str:
    listed = list(names)
    rest = len(listed) - _FEW_NAMES
    return ", ".join(listed[:_FEW_NAMES]) + (f" and {rest:,} more" if rest > 0 else "")
