"""Report of a resolution: unmet goals, warnings of installers, unused newer releases."""

from __future__ import annotations

from collections.abc import Sequence

from microrepo.formats.requirements.requirement import stated_requirement
from microrepo.model import Cause, NormalizedName
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.selection.resolver.facts import Facts
from microrepo.selection.resolver.resolution_records import (
    GoalFailure,
    Obstacle,
    PassedOver,
    Resolution,
)
from microrepo.selection.rules.policy import Policy
from microrepo.selection.rules.project_rules import confusion

_SHOWN_PARENTS = 3


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


def confusable_names(policy: Policy, resolutions: Sequence[Resolution], facts: Facts) -> list[str]:
    """Return one text for each new dependency with a confusable name, refused or not."""
    texts: dict[NormalizedName, str] = {}
    for resolution in resolutions:
        for pin in resolution.pins:
            known = None if pin.project in texts else confusion(pin.project, policy)
            if known is not None:
                parents = sorted({edge.parent or resolution.goal.name for edge in pin.edges})
                texts[pin.project] = f"{pin.key} {known}{_needed_by(parents)}"
    for name, why in confusable_projects(facts).items():
        texts[name] = f"{why}{_needed_by(_parents(name, facts))}; refused"
    return [text for _, text in sorted(texts.items())]


def confusable_projects(facts: Facts) -> dict[NormalizedName, str]:
    """Return the projects that are refused for their names, and why."""
    found = {
        name: next((o.detail for o in one.rejected if o.cause is Cause.CONFUSABLE_NAME), "")
        for name, one in facts.projects.items()
        if one is not None
    }
    return {name: why for name, why in found.items() if why}


def _parents(name: NormalizedName, facts: Facts) -> list[str]:
    """Return the releases whose metadata was read and that require a project."""
    return sorted(
        {
            f"{one.name} {one.version}"
            for one in facts.metadata.values()
            if not isinstance(one, str)
            and any(stated_requirement(text).project == name for text in one.requires_dist)
        }
    )


def _needed_by(parents: Sequence[str]) -> str:
    shown = ", ".join(parents[:_SHOWN_PARENTS]) + (
        " and others" if parents[_SHOWN_PARENTS:] else ""
    )
    return f"; needed by {shown}" if shown else ""


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
