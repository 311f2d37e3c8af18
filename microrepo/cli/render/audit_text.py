"""Texts of an audit, and its result in the form of pip-audit."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec

from microrepo.cli.render.text_tables import count, table, wrapped
from microrepo.cli.terminal import join_lines
from microrepo.operations.audit.audit_report import AuditReport, CheckedRelease
from microrepo.selection.rules.affected_releases import describe


def audit_text(report: AuditReport) -> str:
    """Return a summary, then each affected release with what affects and what fixes it."""
    affected = report.affected
    lines = table(
        (
            ("repository", report.repository),
            ("advisories", f"of {report.advisories_as_of[:10]}"),
            ("releases", f"{len(report.releases):,}"),
            ("affected", count(len(affected), "release") if affected else "none"),
        )
    )
    for one in affected:
        lines.append(f"{one.project} {one.version}{' is malware' if one.is_malware else ''}:")
        lines += [line for text in _facts(one) for line in wrapped(text)]
    return join_lines(lines)


def _facts(release: CheckedRelease) -> Iterator[str]:
    for advisory in release.advisories:
        severity = f" [{advisory.severity.lower()}]" if advisory.severity else ""
        yield f"{describe(advisory)}{severity}: {advisory.summary or 'no summary'}"
    if release.held_fix:
        yield f"{release.project} {release.held_fix} is in the repository and not affected"
    if release.known_fix:
        yield f"{release.project} {release.known_fix} is not affected; a refresh can download it"
    if not (release.held_fix or release.known_fix):
        yield "no later release that is not affected is known"
    if release.goals:
        yield f"needed by {', '.join(release.goals)}"


def audit_record(report: AuditReport) -> dict[str, object]:
    """Return an audit for JSON: its affected releases, and the number of all."""
    values: dict[str, object] = msgspec.structs.asdict(report)
    affected = [
        {**msgspec.structs.asdict(one), "malware": one.is_malware} for one in report.affected
    ]
    return {**values, "releases": len(report.releases), "affected": affected}


def pip_audit_json(report: AuditReport) -> str:
    """Return an audit as `pip-audit --format json --desc on --aliases on` prints it."""
    dependencies = [
        {
            "name": one.project,
            "version": one.version,
            "vulns": [
                {
                    "id": advisory.id,
                    "fix_versions": list(advisory.fixed_in),
                    "aliases": list(advisory.aliases),
                    "description": advisory.summary or "",
                }
                for advisory in one.advisories
            ],
        }
        for one in report.releases
    ]
    return json.dumps({"dependencies": dependencies, "fixes": []}) + "\n"
