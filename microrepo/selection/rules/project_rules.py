"""Rules about whole projects: lists, names, metadata, size, number of releases."""

from __future__ import annotations

from microrepo.model import Cause, NormalizedName, Project
from microrepo.selection.rules.metadata_rules import check_metadata
from microrepo.selection.rules.policy import Policy, Rejection
from microrepo.selection.rules.release_rules import has_pin
from microrepo.selection.trust.confusable_names import Confusable, confusable_with


def check_project(project: Project, policy: Policy) -> Rejection | None:
    """Return why a project is skipped, except its pins: lists, metadata, size, versions."""
    name = project.name
    pattern = policy.excludes_project(name)
    if pattern is not None:
        return Cause.EXCLUDED, f"exclude: {pattern}"
    if policy.allowed is not None and not policy.may_pass(name):
        return Cause.NOT_ALLOWED, "no entry of `allow` names it"
    if policy.confusable_names == "refuse":
        known = confusion(project.name, policy)
        if known is not None:
            return Cause.CONFUSABLE_NAME, f"{project.name} {known}"
    if policy.metadata:
        broken = check_metadata(project, policy.metadata)
        if broken is not None:
            return Cause.METADATA, broken
    return _check_extent(project, policy)


def confusion(name: NormalizedName, policy: Policy) -> Confusable | None:
    """Return the well-known project that a new dependency can be taken for, None without any.

    A project is not new if a goal or `allow` names it, or if the repository holds files of it.
    """
    if policy.requested is None or policy.held_names is None:
        return None
    if name in policy.requested or name in policy.held_names:
        return None
    if policy.allowed is not None and (name in policy.allowed.names or has_pin(name, policy)):
        return None
    return None if policy.trusted_names.project(name) else confusable_with(name)


def _check_extent(project: Project, policy: Policy) -> Rejection | None:
    """Return why a project is skipped if it is too large or has too few or too many releases."""
    largest, fewest, most = policy.max_project_bytes, policy.min_versions, policy.max_versions
    if largest is None and fewest is None and most is None:
        return None
    if has_pin(project.name, policy) or (policy.allowed and project.name in policy.allowed.names):
        return None
    if largest is not None:
        size = sum(file.size or 0 for file in project.files)
        if size > largest:
            return Cause.PROJECT_SIZE, f"max_project_size: {size} bytes, limit {largest}"
    count = len({file.version for file in project.files})
    if fewest is not None and count < fewest:
        return Cause.VERSION_COUNT, f"min_versions: {count} releases, at least {fewest}"
    if most is not None and count > most:
        return Cause.VERSION_COUNT, f"max_versions: {count} releases, at most {most}"
    return None
