"""Solver: goals, environments and facts in; releases, needs or reasons out.

`resolve` answers one goal in one environment. `Closure` does so for many: its `step` returns the
facts that are needed next, and is called again with them until nothing is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import resolvelib
from resolvelib.resolvers import Criterion
from resolvelib.resolvers import Resolution as Solver

from microrepo.formats.distribution.core_metadata import CoreMetadata
from microrepo.model import NormalizedName
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.admission import admission_of
from microrepo.selection.resolver.candidates import View, view_of
from microrepo.selection.resolver.diagnosis.passed_over import passed_over
from microrepo.selection.resolver.diagnosis.unmet_reasons import failure_of, unmet_reasons
from microrepo.selection.resolver.facts import Facts, MetadataNeed, Needs
from microrepo.selection.resolver.goal_records import Goal, ResolveOptions
from microrepo.selection.resolver.nodes import Choice, Information, Req
from microrepo.selection.resolver.provider import Provider
from microrepo.selection.resolver.release_matches import is_unknown
from microrepo.selection.resolver.releases import Release
from microrepo.selection.resolver.resolution_records import (
    Edge,
    GoalFailure,
    Pin,
    Resolution,
    UnmatchedRequirement,
)
from microrepo.selection.resolver.traversal import Walked, limits_of, walk

DEFAULTS = ResolveOptions()


def resolve(
    goal: Goal, environment: Environment, facts: Facts, options: ResolveOptions = DEFAULTS
) -> Resolution | Needs | GoalFailure:
    """Choose releases that meet a goal in an environment.

    Returns:
        A `Resolution`; `Needs`, if missing facts could change the result; or a `GoalFailure`.
    """
    if not environment.admits_python(goal.requires_python):
        why = f"{goal.name} requires Python {goal.requires_python}, this is {environment.python}"
        return GoalFailure(goal, environment.name, (why,))
    view = view_of(facts, environment, admission_of(goal, environment, options.installer))
    if goal.prereleases:
        options = msgspec.structs.replace(options, prereleases=True)
    try:
        if options.mode == "solve":
            return _solve(view, goal, options)
        return _spread(view, goal, options)
    except ValueError as error:
        return GoalFailure(goal, environment.name, (str(error),))


def _solve(view: View, goal: Goal, options: ResolveOptions) -> Resolution | Needs | GoalFailure:
    # Nearly all that a solver needs is the newest match of a requirement: request it at once.
    found = walk(view, goal, options, every=False, ahead=True)
    if found.needs:
        return found.needs
    if found.agrees:
        return _spread_resolution(view, goal, options, found, ())
    return solve(view, goal, options)


def solve(view: View, goal: Goal, options: ResolveOptions) -> Resolution | Needs | GoalFailure:
    """Solve a goal with backtracking, without trying the newest matches first."""
    provider = Provider(view, goal, options)
    # Not `resolvelib.Resolver`, which searches for a path to the root forever if backtracking has
    # left a cycle that nothing requires.
    solver: Solver[Req, Choice, str] = Solver(provider, resolvelib.BaseReporter())
    causes: list[Information]
    try:
        state = solver.resolve(provider.roots, max_rounds=options.max_rounds)
    except resolvelib.ResolutionImpossible as error:
        causes = list(error.causes)
    except resolvelib.ResolutionTooDeep as error:
        reason = f"no solution within {error.round_count} steps; add a constraint"
        return GoalFailure(goal, view.environment.name, (reason,))
    else:
        criteria = _required(state.mapping, state.criteria)
        mapping = {name: choice for name, choice in state.mapping.items() if name in criteria}
        needs = _needs(provider, mapping.values(), criteria)
        if provider.stops and not needs:
            return GoalFailure(goal, view.environment.name, tuple(provider.stops))
        return needs or _resolution(provider, goal, mapping, criteria)
    # Assumed matches can hide that yanked or pre-releases would match: read them first.
    touched = Needs(
        frozenset(provider.matches.touched_projects),
        frozenset(provider.dependencies.touched_metadata),
        frozenset(provider.matches.touched_urls),
    )
    return touched or failure_of(provider, goal, causes)


def _required(
    mapping: Mapping[str, Choice], criteria: Mapping[str, Criterion[Req, Choice]]
) -> dict[str, list[Information]]:
    """Return, for each node reachable from the goal, the requirements that lead to it."""
    children: dict[str, list[str]] = {}
    wants: dict[str, list[Information]] = {}
    for name, criterion in criteria.items():
        for information in criterion.information:
            parent = information.parent
            if parent is None or mapping.get(parent.ident) is parent:
                children.setdefault(parent.ident if parent else "", []).append(name)
                wants.setdefault(name, []).append(information)
    reached: dict[str, None] = {}
    queue = [""]
    while queue:
        for name in children.get(queue.pop(), ()):
            if name not in reached:
                reached[name] = None
                queue.append(name)
    return {
        name: [w for w in wants[name] if w.parent is None or w.parent.ident in reached]
        for name in reached
    }


def _needs(
    provider: Provider, choices: Iterable[Choice], criteria: dict[str, list[Information]]
) -> Needs:
    projects: set[NormalizedName] = set()
    metadata: set[MetadataNeed] = set()
    urls: set[str] = set()
    for choice in choices:
        release = choice.release
        if is_unknown(release):
            if release.url:
                urls.add(release.url)
            else:
                projects.add(release.project)
            continue
        need = provider.view.metadata(release)
        if isinstance(need, MetadataNeed):
            metadata.add(need)
            wants = [requirement for requirement, _ in criteria.get(choice.ident, ())]
            metadata.update(_next_ones(provider, release, wants))
    return Needs(frozenset(projects), frozenset(metadata), frozenset(urls))


def _next_ones(provider: Provider, release: Release, wants: list[Req]) -> set[MetadataNeed]:
    """Return as many more candidates as were refused, since backtracking continues there."""
    matches = list(provider.matches.releases(release.project, wants))
    place = matches.index(release) if release in matches else 0
    found = set()
    for candidate in matches[place + 1 : 2 * place + 1]:
        need = provider.view.metadata(candidate)
        if isinstance(need, MetadataNeed):
            found.add(need)
    return found


def _resolution(
    provider: Provider,
    goal: Goal,
    mapping: dict[str, Choice],
    criteria: dict[str, list[Information]],
) -> Resolution:
    edges: dict[Release, dict[Edge, None]] = {}
    extras: dict[Release, set[str]] = {}
    for ident, choice in mapping.items():
        found = edges.setdefault(choice.release, {})
        extras.setdefault(choice.release, set()).update(choice.extras)
        for requirement, parent in criteria.get(ident, ()):
            if requirement.exact is None:
                key = parent.release.key if parent else ""
                found.setdefault(Edge(requirement.text, key, requirement.specifiers))
    pins = tuple(_pin(provider, release, edges[release], extras[release]) for release in edges)
    return Resolution(
        goal=goal,
        environment=provider.view.environment.name,
        pins=tuple(sorted(pins, key=lambda pin: pin.project)),
        notes=_notes(provider.view, edges),
        warnings=_warnings(provider.view, extras),
        passed_over=passed_over(provider.view, edges, provider.matches.constraints),
    )


def _pin(provider: Provider, release: Release, edges: Iterable[Edge], extras: Iterable[str]) -> Pin:
    metadata = provider.view.metadata(release)
    return Pin(
        project=release.project,
        version=release.text,
        extras=tuple(sorted(extras)),
        files=release.files,
        metadata_file=provider.view.metadata_file(release),
        guess=isinstance(metadata, CoreMetadata) and metadata.source == "guess",
        sdist_only=release.sdist_only,
        edges=tuple(sorted(edges)),
        url=release.url,
    )


def _warnings(view: View, extras: Mapping[Release, Iterable[str]]) -> tuple[str, ...]:
    found = []
    for release, names in extras.items():
        metadata = view.metadata(release)
        if isinstance(metadata, CoreMetadata):
            unknown = sorted(set(names).difference(metadata.provides_extra))
            found += [f"{release.key} provides no extra {extra!r}" for extra in unknown]
    return tuple(sorted(found))


def _notes(view: View, releases: Iterable[Release]) -> tuple[str, ...]:
    notes: list[str] = []
    for release in releases:
        metadata = view.metadata(release)
        if not isinstance(metadata, CoreMetadata):
            continue
        notes.extend(f"{release.key}: {note}" for note in metadata.notes)
        if release.yanked:
            notes.append(f"{release.key}: yanked, but pinned")
    return tuple(sorted(set(notes)))


def _spread(view: View, goal: Goal, options: ResolveOptions) -> Resolution | Needs | GoalFailure:
    found = walk(view, goal, options, every=options.mode == "all")
    if found.needs:
        return found.needs
    limits = limits_of(view, goal, with_roots=False)
    unmet = tuple(
        UnmatchedRequirement(
            want.label,
            parent,
            tuple(unmet_reasons(view, want, limits.get(want.project, ()), options)),
        )
        for want, parent in found.unmet
    )
    roots = [missing for missing in unmet if not missing.parent]
    if roots:
        reasons = tuple(f"{u.requirement}: {line}" for u in roots for line in u.reasons)
        return GoalFailure(goal, view.environment.name, reasons)
    return _spread_resolution(view, goal, options, found, unmet)


def _spread_resolution(
    view: View,
    goal: Goal,
    options: ResolveOptions,
    found: Walked,
    unmet: tuple[UnmatchedRequirement, ...],
) -> Resolution:
    provider = Provider(view, goal, options)
    pins = [
        _pin(provider, release, edges, found.extras[release])
        for release, edges in found.edges.items()
    ]
    return Resolution(
        goal=goal,
        environment=view.environment.name,
        pins=tuple(sorted(pins, key=lambda pin: (pin.project, pin.version))),
        unmet=unmet,
        notes=_notes(view, found.edges),
        warnings=_warnings(view, found.extras),
        passed_over=(
            passed_over(view, found.edges, provider.matches.constraints)
            if options.mode != "all"
            else ()
        ),
    )
