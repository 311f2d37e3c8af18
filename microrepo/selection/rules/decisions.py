"""Decisions on the files of a project: rules first, then the newest N releases."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from packaging.version import Version

from microrepo.formats.distribution.filenames import needs_later_installers
from microrepo.formats.version_numbers import parse_version, version_order
from microrepo.model import Cause, Decision, File, NormalizedName, Project
from microrepo.selection.environments.python_versions import PythonFilter, PythonTarget
from microrepo.selection.ownership import parts_of
from microrepo.selection.rules.file_rules import (
    check_file,
    check_installable,
    check_third_party,
    decide_on_index,
    split_off_indexes,
    targets_served,
)
from microrepo.selection.rules.newest_releases import FirstOfEach, NewestCounter
from microrepo.selection.rules.policy import Policy, Rejection
from microrepo.selection.rules.project_rules import check_project
from microrepo.selection.rules.release_rules import (
    check_release,
    check_unpinned_release,
    distrusted_files,
    has_pin,
    has_release_rules,
    is_asked_for_unpinned,
    is_exempt_from_age,
    is_pinned,
)
from microrepo.selection.trust.cool_down import due_at

# Causes that can be gone later although the source has not changed.
_PASSING = frozenset({Cause.TOO_YOUNG, Cause.UNREAD_PROVENANCE})
_ALWAYS_PAST = "0001-01-01T00:00:00.000000Z"


def select(project: Project, policy: Policy, now: str) -> tuple[Decision, ...]:
    """Decide on every file of a project, newest release first.

    Pre-releases are kept, not kept, or kept where no other release fits, see `Policy.prereleases`.

    Args:
        project: the source's record.
        now: current time, normalised, for rules on age.

    Returns:
        One decision per file. For each Python of the policy, the usable files of the newest N
        releases with such files are kept; the result is the union over all Pythons, and over all
        sources of a project that several share.
    """
    parts = parts_of(project)
    if len(parts) > 1:
        return tuple(decision for part in parts for decision in select(part, policy, now))
    if policy.prereleases is not None:
        return _select(project, policy, now)
    decisions = _select(project, msgspec.structs.replace(policy, prereleases=False), now)
    if not any(one.cause is Cause.PRERELEASE for one in decisions):
        return decisions
    necessary = {
        one.file.filename: one
        for narrow in _single_questions(project.name, policy)
        if not any(map(_is_usable, _select(project, _without_limits(narrow), now)))
        for one in _select(project, msgspec.structs.replace(narrow, prereleases=True), now)
        if one.keep
    }
    return tuple(one if one.keep else necessary.get(one.file.filename, one) for one in decisions)


def _is_usable(decision: Decision) -> bool:
    """Return whether a file is kept, and current installers can use it."""
    return decision.keep and not needs_later_installers(decision.file.filename)


def _single_questions(name: NormalizedName, policy: Policy) -> Iterator[Policy]:
    """Yield the policy for each requirement of a project and each Python by itself."""
    requested, pythons = (policy.requested or {}).get(name, ("",)), policy.pythons
    targets = pythons.targets if pythons is not None and pythons.targets else (None,)
    for specifiers in requested:
        for target in targets:
            yield msgspec.structs.replace(
                policy,
                requested={name: (specifiers,)},
                pythons=pythons if target is None else PythonFilter((target,)),
            )


def _without_limits(policy: Policy) -> Policy:
    """Return a policy that keeps every release with a final version, yanked or not, as pip finds it."""
    return msgspec.structs.replace(
        policy, prereleases=False, newest=None, keep_stable=False, yanked=True
    )


def _select(project: Project, policy: Policy, now: str) -> tuple[Decision, ...]:
    has_pins = has_pin(project.name, policy)
    barrier = check_project(project, policy)
    if barrier is not None and (barrier[0] is Cause.EXCLUDED or not has_pins):
        return tuple(Decision(file, False, *barrier) for file in project.files)
    counter = NewestCounter(policy, policy.newest)
    judge = _Judge(project, policy, now, barrier)
    decisions: list[Decision] = []
    if policy.keep_stable and not counter.is_unlimited:
        counter.reserve(_stable_releases(project.files, judge, policy))
    for text, files in _newest_first(project.files, policy.newest_by):
        counter.start(text)
        if counter.is_full() and not has_pins:
            decisions.extend(_superseded(files))
            continue
        decisions.extend(judge.decide(text, files, counter))
    return tuple(decisions)


class _Judge:
    """Decides on the releases of a project one after another."""

    def __init__(
        self, project: Project, policy: Policy, now: str, barrier: Rejection | None
    ) -> None:
        self._project = project
        self._policy = policy
        self._now = now
        self._barrier = barrier
        self._has_pins = has_pin(project.name, policy)
        self._distrusted = distrusted_files(project, policy)
        self._checks_unpinned = barrier is not None or has_release_rules(policy)
        # With the default Pythons and all releases, a Requires-Python known only from the wheel
        # does not skip it: pages list it, and installers obey it.
        self._keeps_misfits = (
            project.silent_on_python and policy.pythons_are_default and policy.newest is None
        )

    def decide(self, text: str, files: list[File], counter: NewestCounter) -> list[Decision]:
        name, policy, version = self._project.name, self._policy, parse_version(text)
        pinned = self._has_pins and is_pinned(name, version, policy)
        rejection = self._check(version, text, pinned=pinned)
        if rejection is not None:
            return [Decision(file, False, *rejection) for file in files]
        # A release that is kept only for its pin does not count among the newest N.
        counts = not counter.is_unlimited and (
            not pinned
            or (
                version is not None
                and self._barrier is None
                and is_asked_for_unpinned(name, version, policy)
                and check_unpinned_release(self._project, version, text, policy) is None
            )
        )
        ripe = is_exempt_from_age(name, version, text, policy)
        decisions: list[Decision] = []
        served: set[PythonTarget | None] = set()
        distributions, indexes = split_off_indexes(files)
        for file in distributions:
            rejection = self._distrusted.get(file.filename) or check_file(
                file, policy, self._now, pinned=pinned, ripe=ripe, project=name
            )
            targets: tuple[PythonTarget | None, ...] = ()
            if rejection is None and policy.third_party:
                rejection = check_third_party(self._project, file, policy)
            if rejection is None:
                targets, rejection = self._targets(file)
            if rejection is not None:
                decisions.append(Decision(file, False, *rejection))
                continue
            all_wanted = pinned or counter.is_unlimited
            wanted = targets if all_wanted else tuple(filter(counter.wants, targets))
            if wanted:
                decisions.append(Decision(file, True, Cause.SELECTED, _serves(wanted)))
                if counts and (policy.yanked or not file.yanked) and _is_usable(decisions[-1]):
                    served.update(wanted)
            else:
                decisions.extend(_superseded([file]))
        counter.add(served)
        explained = [
            decide_on_index(index, decisions, policy, self._now, project=name) for index in indexes
        ]
        return [*decisions, *explained]

    def _targets(self, file: File) -> tuple[tuple[PythonTarget | None, ...], Rejection | None]:
        targets, rejection = targets_served(file, self._policy)
        if self._keeps_misfits and rejection and rejection[0] is Cause.REQUIRES_PYTHON:
            return (None,), None
        return targets, rejection

    def _check(self, version: Version | None, text: str, *, pinned: bool) -> Rejection | None:
        rejection = check_release(self._project.name, version, text, self._policy)
        if rejection is not None or pinned or not self._checks_unpinned:
            return rejection
        return self._barrier or check_unpinned_release(self._project, version, text, self._policy)


def _stable_releases(
    files: Iterable[File], judge: _Judge, policy: Policy
) -> dict[PythonTarget | None, str]:
    """Return the release that an index calls the latest, per Python: a stable one if any."""
    first = FirstOfEach(policy)
    for text, group in sorted(_newest_first(files), key=_instability):
        if first.is_full():
            break
        first.start(text)
        judge.decide(text, group, first)
    return first.found


def _instability(release: tuple[str, list[File]]) -> tuple[bool, bool]:
    """Return a sort key for stable releases first and yanked ones last, as on PyPI."""
    text, files = release
    version = parse_version(text)
    return all(file.yanked for file in files), version is None or version.is_prerelease


def _serves(targets: tuple[PythonTarget | None, ...]) -> str:
    if targets == (None,):
        return ""
    return ", ".join(f"Python {target}" for target in targets if target is not None)


def _superseded(files: list[File]) -> list[Decision]:
    return [Decision(file, False, Cause.SUPERSEDED, "newer releases are kept") for file in files]


def _newest_first(
    files: Iterable[File], newest_by: str = "version"
) -> list[tuple[str, list[File]]]:
    by_version: dict[str, list[File]] = {}
    for file in files:
        by_version.setdefault(file.version, []).append(file)
    releases = sorted(
        by_version.items(), key=lambda release: version_order(release[0]), reverse=True
    )
    if newest_by == "time":
        releases.sort(key=lambda item: _released_at(item[1]), reverse=True)
    return [(text, sorted(group, key=lambda file: file.filename)) for text, group in releases]


def _released_at(files: Iterable[File]) -> str:
    """Return when the first file was uploaded; "" (before all times) if unknown."""
    return min((file.upload_time for file in files if file.upload_time), default="")


def reconsider_at(decisions: Iterable[Decision], policy: Policy) -> str | None:
    """Return when the next file that is too young becomes old enough, None without any.

    The project must be checked again then; at the next run, if provenance could not be read.
    """
    if not (policy.min_age_days or policy.trust):
        return None
    times = (
        due_at(one, policy.min_age_days)
        if one.cause is Cause.TOO_YOUNG
        else one.file.upload_time or _ALWAYS_PAST
        for one in decisions
        if one.cause in _PASSING
    )
    return min(filter(None, times), default=None)


def split_candidates(
    project: Project, policy: Policy, now: str
) -> tuple[tuple[File, ...], tuple[Decision, ...]]:
    """Apply the rules for all releases, to get the candidates of a closure.

    Not applied are requirements, pre-releases and yanked files, which the resolver handles; and
    Pythons, since environments are more precise.

    Returns:
        The candidates, and the decisions on all other files.
    """
    rules = msgspec.structs.replace(policy, requested=None, prereleases=True, pythons=None)
    files: list[File] = []
    rejected: list[Decision] = []
    barrier = check_project(project, policy)
    refused = distrusted_files(project, policy)
    for text, group in _newest_first(project.files):
        version = parse_version(text)
        of_release = check_release(project.name, version, text, rules)
        if barrier is not None and barrier[0] is Cause.EXCLUDED:
            of_release = barrier
        elif of_release is None and not is_pinned(project.name, version, policy):
            of_release = barrier or check_unpinned_release(project, version, text, rules)
        ripe = is_exempt_from_age(project.name, version, text, rules)
        for file in group:
            rejection = (
                of_release
                or refused.get(file.filename)
                or check_file(file, rules, now, pinned=True, ripe=ripe, project=project.name)
            )
            rejection = (
                rejection or check_third_party(project, file, rules) or check_installable(file)
            )
            if rejection is None:
                files.append(file)
            else:
                rejected.append(Decision(file, False, *rejection))
    return tuple(files), tuple(rejected)
