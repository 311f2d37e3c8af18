"""Explanation of decisions on files, offline from the state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.formats.distribution.filenames import package_type_of
from microrepo.formats.version_numbers import version_order
from microrepo.model import Cause, Decision, File, Project
from microrepo.operations.closure.closure_decisions import deciding_by_closure
from microrepo.operations.closure.target_records import environments_of
from microrepo.operations.inspect.explained_names import Named, UnknownName, find_named
from microrepo.operations.inspect.recorded_failures import recorded_failures
from microrepo.operations.inspect.requirement_trace import trace
from microrepo.operations.records.report import Failure
from microrepo.operations.run.advised_rules import advised_policy
from microrepo.operations.run.goals import Requests, policy_of
from microrepo.operations.run.run_rules import with_held_names
from microrepo.publish.links import links_of
from microrepo.repositories.reading import open_for_reading
from microrepo.selection.rules.decisions import select
from microrepo.selection.rules.policy import Policy
from microrepo.selection.trust.cool_down import due_at
from microrepo.state import FileRow, ProjectRow, Requirer, State


class Explanation(Struct, frozen=True):
    """Why the files of a project are kept or skipped.

    Attributes:
        decisions: one per requested file, kept ones first, newest release first.
        present: names of the files on disk.
        held_back: by name of a file that is too young, when it is old enough.
        requirers: by file name, what requires it.
        chains: by file name, the chains from it to goals, see `requirement_trace.trace`.
        is_unmet: it is requested, and no file of it is present.
        unmet: the goals that ask for it and that the last refresh did not meet, and why.
    """

    project: Project
    row: ProjectRow
    decisions: tuple[Decision, ...]
    present: frozenset[str]
    requirers: dict[str, tuple[Requirer, ...]]
    chains: dict[str, tuple[str, ...]] = {}
    held_back: dict[str, str] = {}
    is_unmet: bool = False
    unmet: tuple[Failure, ...] = ()


class Explanations(Struct, frozen=True):
    """Answers about the known names, one per project, and the names that are not known."""

    projects: tuple[Explanation, ...]
    unknown: tuple[UnknownName, ...]


def explain(config: Config, requests: Requests, targets: Sequence[str]) -> Explanations:
    """Decide again on the named files from the stored records.

    Args:
        config: complete settings.
        requests: what to mirror.
        targets: names of files or projects, releases (`foo==1.0`, `foo<2`) or globs.

    Raises:
        RepositoryError: the state cannot be read.
        ConfigError: a setting is invalid.
    """
    with open_for_reading(config.repository) as state:
        policy = advised_policy(config, policy_of(config, requests), state)
        policy = with_held_names(policy, state)
        named, unknown = find_named(state, targets)
        failures = recorded_failures(state)
        is_index = not links_of(config, state, decides=False).files
        is_closure = next(iter(state.all_requirers()), None) is not None or bool(
            config.dependencies and requests.goals
        )
        projects = tuple(
            msgspec.structs.replace(
                _explain(state, one, policy, config, is_index=is_index, is_closure=is_closure),
                unmet=failures.about(one.project.name),
            )
            for one in named
        )
    missing = frozenset(map(canonicalize_name, failures.missing))
    unknown = tuple(
        msgspec.structs.replace(one, is_missing=canonicalize_name(one.target) in missing)
        for one in unknown
    )
    return Explanations(projects, unknown)


def _explain(
    state: State, named: Named, policy: Policy, config: Config, *, is_index: bool, is_closure: bool
) -> Explanation:
    project, row = named.project, named.row
    rows = tuple(state.files([project.name]))
    unlisted = _behind_urls(state, project, rows)
    names = [*(file.filename for file in project.files), *unlisted]
    requirers = {name: tuple(state.requirers(name)) for name in names}
    if row.checked_at is None:
        # Without a record of a source, files in the directory count as kept, whatever the rules
        # say.
        decisions = tuple(Decision(file, True, Cause.ALREADY_THERE) for file in project.files)
    elif (
        any(requirers.values())
        or (is_closure and project.name not in (policy.requested or {}))
        or (config.dependencies and _is_unmet(project, policy, rows))
    ):
        goals = {name: found[0].goal for name, found in requirers.items() if found}
        decide = deciding_by_closure(
            policy, dict.fromkeys(goals, ""), goals, environments_of(config), now()
        )
        decisions = decide(project)
    else:
        decisions = select(project, policy, now())
    decisions += tuple(Decision(file, True, Cause.REQUIRED) for file in unlisted.values())
    present = frozenset(file.filename for file in rows if file.present or is_index)
    if policy.budget_bytes is not None and row.complete:
        decisions = _with_evictions(decisions, present)
    asked = [decision for decision in decisions if named.includes(decision.file)]
    due = {one.file.filename: due_at(one, policy.min_age_days) for one in asked}
    return Explanation(
        project,
        row,
        _kept_first(asked),
        present,
        requirers,
        trace(state, [name for name, found in requirers.items() if found]),
        held_back={name: when for name, when in due.items() if when is not None},
        is_unmet=bool(config.dependencies) and _is_unmet(project, policy, rows),
    )


def _kept_first(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Return the decisions, kept files first, the newest release first."""
    newest = sorted(decisions, key=lambda one: version_order(one.file.version), reverse=True)
    return tuple(sorted(newest, key=lambda one: not one.keep))


def _behind_urls(state: State, project: Project, rows: Iterable[FileRow]) -> dict[str, File]:
    """Return the files of direct URLs, which no source lists, by name."""
    listed = {file.filename for file in project.files}
    return {
        row.filename: File(
            row.filename, row.url, row.version, package_type_of(row.filename) or "", row.digests
        )
        for row in rows
        if row.filename not in listed and state.requirers(row.filename)
    }


def _is_unmet(project: Project, policy: Policy, rows: Iterable[FileRow]) -> bool:
    """Return whether a project is requested, but has no files."""
    return project.name in (policy.requested or {}) and not any(row.present for row in rows)


def _with_evictions(decisions: Iterable[Decision], present: frozenset[str]) -> tuple[Decision, ...]:
    """Return the decisions; a file that the rules keep but a complete project lacks was evicted."""
    return tuple(
        Decision(d.file, False, Cause.EVICTED, "evicted for `max_total_size`")
        if d.keep and d.file.filename not in present
        else d
        for d in decisions
    )
