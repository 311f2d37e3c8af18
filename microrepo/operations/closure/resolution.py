"""Dependency resolution: facts from sources and state, read in rounds by the pool."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from microrepo.config.schema import Config
from microrepo.model import Cause, NormalizedName, Project
from microrepo.operations.closure.closure_decisions import deciding_by_closure
from microrepo.operations.closure.closure_records import ClosureReader, RecordSources
from microrepo.operations.closure.earlier_resolution import (
    facts_digest,
    inputs_digest,
    read_earlier,
    save_resolution,
    settled_rows,
)
from microrepo.operations.closure.target_records import environments_of, options_of
from microrepo.operations.closure.url_files import Rewrite
from microrepo.operations.provenance.evidence_check import check_of
from microrepo.operations.records.report import Failure, ReportBuilder
from microrepo.operations.records.resolution_report import (
    confusable_names,
    confusable_projects,
    report_failures,
    warn_of,
)
from microrepo.operations.refresh.trust.release_evidence import with_evidence
from microrepo.operations.refresh.upstream.project_record import Decide, Record
from microrepo.operations.refresh.upstream.release_advisories import advised
from microrepo.operations.run.run_rules import Rules
from microrepo.selection.closure.closure import Closure
from microrepo.selection.closure.inapplicable_goals import inapplicable_goals
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.facts import Candidates, Facts, Needs
from microrepo.selection.resolver.goal_records import Goal
from microrepo.selection.resolver.resolution_records import GoalFailure, Resolution
from microrepo.selection.rules.policy import Policy
from microrepo.selection.trust.refused_releases import TRUST_CAUSES
from microrepo.state import ProjectRow, Requirer, State

_GATHER_S = 0.01

# Causes that are known only once the chosen releases were asked about.
_REFUSED = frozenset({Cause.VULNERABLE, *TRUST_CAUSES})


class Resolved(Struct, frozen=True):
    """Result of a resolution.

    Attributes:
        records: record of each project that was read, by name.
        facts: all facts about their files.
        resolutions: the met goals.
        failures: the unmet goals.
        gone: needed projects that the source does not know.
        complete: every goal is met in every environment, and all facts were read.
        inputs: digest of the inputs except the facts; None if it must not be saved.
        settled: unchanged projects that were not read, because their files stay as they are.
    """

    records: dict[str, Record]
    facts: Facts
    resolutions: tuple[Resolution, ...]
    failures: tuple[GoalFailure, ...]
    gone: tuple[NormalizedName, ...]
    environments: tuple[Environment, ...]
    complete: bool
    inputs: str | None = None
    settled: tuple[ProjectRow, ...] = ()

    def chosen(self) -> dict[str, str]:
        """Return, by file name, the first requirement that needs the file."""
        found: dict[str, str] = {}
        for resolution in self.resolutions:
            for pin in resolution.pins:
                edge = pin.edges[0] if pin.edges else None
                text = edge.requirement if edge else resolution.goal.name
                reason = f"{text} of {edge.parent}" if edge and edge.parent else text
                for file in pin.files:
                    found.setdefault(file.filename, reason)
        return found

    def candidates(self, project: Project) -> Candidates | None:
        """Return the candidates that the solver used; None for another record of the project."""
        record = self.records.get(project.name)
        is_same = record is not None and record.project is project
        return self.facts.projects.get(project.name) if is_same else None

    def requirers(self) -> Iterable[Requirer]:
        """Yield one row per file and requirement that leads to it."""
        for resolution in self.resolutions:
            for link in resolution.required_by():
                yield Requirer(
                    link.filename, link.environment, link.requirement, link.parent, link.goal
                )


def resolve_goals(
    config: Config,
    origins: RecordSources,
    goals: Sequence[Goal],
    *,
    environments: tuple[Environment, ...] | None = None,
    rewrite: Rewrite | None = None,
) -> Resolved:
    """Resolve goals in all environments.

    The requests of all of them go out together, one batch per round; failures are reported and the
    rest continues. If advisories or provenance count, those of the chosen releases are requested;
    releases refused by them are excluded, and the goals are resolved again.

    Args:
        environments: target environments; default: those of the settings.
        rewrite: changes the metadata of distributions before it is used.
    """
    work, rules = origins.work, origins.rules
    targets = environments or environments_of(config)
    work.report.environments = [environment.name for environment in targets]
    check = check_of(config, origins.holdings.directory)
    known: dict[str, Record] = {}
    inputs = None
    if environments is None and rewrite is None:
        inputs = inputs_digest(config, rules, goals, targets, origins.sources.settings)
    if inputs is not None:
        resolved = _resolve_again(config, origins, goals, targets, inputs)
        _report(work.report, rules.policy, resolved)
        return resolved
    while True:
        reader = ClosureReader(origins, rewrite, known)
        resolved = _resolve_once(config, work.report, reader, goals, targets)
        if not (rules.policy.asks_advisories or rules.policy.trust):
            break
        decide = deciding_by_closure(rules.policy, resolved.chosen(), {}, targets, work.now)
        concerned = concerned_records(origins.holdings.state, rules, resolved)
        if rules.policy.asks_advisories:
            concerned = advised(origins.sources, work, concerned, decide)
        concerned = with_evidence(work, concerned, decide, rules.policy.trust, check)
        known = {**resolved.records, **{one.project.name: one for one in concerned}}
        resolved = msgspec.structs.replace(resolved, records=known)
        if not _loses_files(resolved, concerned, decide):
            break
    _report(work.report, rules.policy, resolved)
    return resolved


def _resolve_again(
    config: Config,
    origins: RecordSources,
    goals: Sequence[Goal],
    environments: tuple[Environment, ...],
    inputs: str,
) -> Resolved:
    """Request all projects of the last closure at once; solve again only if something changed."""
    reader, state, report = ClosureReader(origins), origins.holdings.state, origins.work.report
    earlier = read_earlier(state, inputs)
    if earlier is not None:
        reader.ahead.ask(earlier.projects)
        facts = facts_digest(state, earlier.projects, earlier.metadata, earlier.unstored)
        if facts == earlier.facts and reader.ahead.is_as_known(earlier.unstored):
            unchanged = reader.ahead.unchanged()
            rows = settled_rows(origins.holdings, origins.rules, earlier, origins.work.now)
            settled = tuple(row for row in rows if row.name in unchanged)
            unread = {row.name for row in settled} | earlier.unstored.keys()
            records = reader.ahead.read(unread)
            report.rounds += 1
            return Resolved(
                records=records,
                facts=reader.facts,
                resolutions=earlier.resolutions,
                failures=(),
                gone=(),
                environments=environments,
                complete=len(records) + len(unread) == len(earlier.projects),
                settled=settled,
            )
    resolved = _resolve_once(config, report, reader, goals, environments)
    return msgspec.structs.replace(resolved, inputs=inputs)


def remember_resolution(state: State, resolved: Resolved) -> None:
    """Save the resolution for the next run, if it is complete and nothing must be reported again."""
    if confusable_projects(resolved.facts):
        return
    if resolved.inputs is not None and resolved.complete and not resolved.gone:
        records = resolved.records.values()
        save_resolution(state, resolved.inputs, records, resolved.facts, resolved.resolutions)


def _loses_files(resolved: Resolved, records: Iterable[Record], decide: Decide) -> bool:
    """Return whether chosen files belong to releases that are now refused."""
    chosen = resolved.chosen()
    return any(
        decision.cause in _REFUSED and decision.file.filename in chosen
        for record in records
        for decision in decide(record.project)
    )


def _resolve_once(
    config: Config,
    report: ReportBuilder,
    reader: ClosureReader,
    goals: Sequence[Goal],
    environments: tuple[Environment, ...],
) -> Resolved:
    options = options_of(config)
    closure = Closure(
        goals, environments, reader.facts, options, build_requirements=config.build_requirements
    )
    before_s = report.solver_s
    while needs := _timed_step(report, closure):
        # Waiting as long as the last step took bounds the solver to half of the time.
        reader.learn(needs, max(_GATHER_S, report.solver_s - before_s))
        before_s = report.solver_s
    reader.forget_open()
    report.rounds += closure.rounds
    inapplicable = inapplicable_goals(goals, environments)
    idle = {one.goal for one in inapplicable}
    failures = (*closure.failures, *inapplicable)
    return Resolved(
        records=reader.records,
        facts=reader.facts,
        resolutions=tuple(one for one in closure.resolutions if one.goal not in idle),
        failures=failures,
        gone=tuple(reader.gone),
        environments=environments,
        complete=not failures and not reader.failed,
    )


def _report(report: ReportBuilder, policy: Policy, resolved: Resolved) -> None:
    unread = {failure.what for failure in report.failed}
    report_failures(report, resolved.failures, {*resolved.gone, *unread})
    warn_of(report, resolved.resolutions)
    report.confusable += confusable_names(policy, resolved.resolutions, resolved.facts)
    for resolution in resolved.resolutions:
        for note in resolution.notes:
            report.notes.append(f"{resolution.environment}: {note}")
        for unmet in resolution.unmet:
            report.failed.append(
                Failure(f"{unmet.requirement} of {unmet.parent}", "; ".join(unmet.reasons))
            )


def _timed_step(report: ReportBuilder, closure: Closure) -> Needs:
    # CPU time of this thread only: threads of the pool run meanwhile.
    started = time.thread_time()
    needs = closure.step()
    report.solver_s += time.thread_time() - started
    return needs


def concerned_records(state: State, rules: Rules, resolved: Resolved) -> list[Record]:
    """Return the records of projects that are chosen, requested, present, or miss a release.

    A closure reads more projects than it chooses files from.
    """
    chosen = {pin.project for found in resolved.resolutions for pin in found.pins}
    held = {row[0] for row in state.iter_known()}
    unmet = {project for failure in resolved.failures for project in failure.projects}
    concerned = chosen | held | unmet | (rules.policy.requested or {}).keys()
    concerned |= set(confusable_projects(resolved.facts))  # for `explain`
    return [record for name, record in sorted(resolved.records.items()) if name in concerned]


def earlier_needs(
    state: State, resolved: Resolved, goals: Sequence[Goal], *, only_these: bool
) -> tuple[Requirer, ...]:
    """Return requirements of earlier runs that this run did not resolve.

    These are the needs of goals that are not among `goals`, if `only_these` is set; and the earlier
    needs of unmet goals, since an old answer is better than none.
    """
    ours = {goal.name for goal in goals}
    met = {(found.goal.name, found.environment) for found in resolved.resolutions}
    return tuple(
        row
        for row in state.all_requirers()
        if (only_these and row.goal not in ours)
        or (not resolved.complete and (row.goal, row.environment) not in met)
    )
