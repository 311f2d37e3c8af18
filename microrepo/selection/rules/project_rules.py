"""Rules about whole projects: lists, metadata, size, number of releases."""

from __future__ import annotations

from microrepo.model import Cause, Project
from microrepo.selection.rules.metadata_rules import check_metadata
from microrepo.selection.rules.policy import Policy, Rejection
from microrepo.selection.rules.release_rules import has_pin


def check_project(project: Project, policy: Policy) -> Rejection | None:
    """Return why a project is skipped, except its pins: lists, metadata, size, versions."""
    name = project.name
    pattern = policy.excludes_project(name)
    if pattern is not None:
        return Cause.EXCLUDED, f"exclude: {pattern}"
    if policy.allowed is not None and not policy.may_pass(name):
        return Cause.NOT_ALLOWED, "no entry of `allow` names it"
    if policy.metadata:
        broken = check_metadata(project, policy.metadata)
        if broken is not None:
            return Cause.METADATA, broken
    return _check_extent(project, policy)


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
