"""Report of a resolution: unmet goals, warnings of installers, unused newer releases."""

from __future__ import annotations

from collections.abc import Sequence

from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.selection.resolver.resolution_records import (
    GoalFailure,
    Obstacle,
    PassedOver,
    Resolution,
)


def warn_of(report: ReportBuilder, resolutions: Sequence[Resolution]) -> None:
    """Report, in one line each, what installers warn about and which newer releases are unused."""
    texts = dict.fromkeys(text for found in resolutions for text in found.warnings)
    places: dict[PassedOver, dict[str, None]] = {}
    for resolution in resolutions:
        for one in resolution.passed_over:
            places.setdefault(one, {})[resolution.environment] = None
    for one, names in places.items():
        text = f"{one.project} {one.version} is not used for {', '.join(names)}: {one.why}"
        text += f"; {one.taken} is used instead"
        if one.obstacle in {Obstacle.BROKEN, Obstacle.PATCH}:
            texts[text] = None
        else:
            report.passed_over.append(text)
    for text in texts:
        report.warn(text)


def report_failures(report: ReportBuilder, failures: Sequence[GoalFailure], told: set[str]) -> None:
    """Report each unmet goal once per cause, with the environments that share it."""
    environments: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for failure in failures:
        projects: tuple[str, ...] = tuple(
            sorted({one.project for one in failure.goal.requirements})
        )
        if told.issuperset(projects):
            continue  # already reported: the project does not exist, or the request failed
        why = "; ".join(failure.reasons)
        if failure.rules:
            why += f" (skipped by: {', '.join(failure.rules)})"
        key = failure.goal.name, why, projects
        environments.setdefault(key, []).append(failure.environment)
    for (goal, why, asked), names in environments.items():
        report.failed.append(Failure(f"{goal} for {', '.join(names)}", why, asked))
