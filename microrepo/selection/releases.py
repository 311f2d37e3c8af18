"""From one project's record to one decision per file: rules first, then the newest N releases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
from packaging.version import Version

from microrepo.formats.times import shift
from microrepo.model import Decision, File, Project, Reason
from microrepo.selection.policy import Policy, parse_version
from microrepo.selection.pythons import PythonTarget
from microrepo.selection.rules import (
    check_file,
    check_release,
    has_pin,
    is_asked_for_unpinned,
    is_pinned,
    targets_served,
)

_OLDEST = Version("0.dev0")


def select(project: Project, policy: Policy, now: str) -> tuple[Decision, ...]:
    """Decide on every file of a project, newest release first.

    Args:
        project: what the source says of it.
        policy: the rules.
        now: the present, a normalised time; rules on age look at it.

    Returns:
        One decision per file. For each Python that the policy names, the newest N releases with a
        file it can use are kept (those files), then the union over all Pythons.
    """
    pattern = policy.excludes_project(project.name)
    if pattern is not None:
        return tuple(
            Decision(file, False, Reason.EXCLUDED, f"exclude: {pattern}") for file in project.files
        )
    counter = _NewestCounter(policy)
    has_pins = has_pin(project.name, policy)
    decisions: list[Decision] = []
    for text, files in _newest_first(project.files):
        if counter.is_full() and not has_pins:
            decisions.extend(_superseded(files))
            continue
        decisions.extend(_decide_release(project, text, files, policy, now, counter))
    return tuple(decisions)


class _NewestCounter:
    """Counts, for each Python, how many releases with a usable file were met so far."""

    def __init__(self, policy: Policy) -> None:
        pythons = policy.pythons
        self._targets: tuple[PythonTarget | None, ...] = (
            pythons.targets if pythons is not None and pythons.targets else (None,)
        )
        self._limit = policy.newest
        self._met: Counter[PythonTarget | None] = Counter()

    def wants(self, target: PythonTarget | None) -> bool:
        return self._limit is None or self._met[target] < self._limit

    def is_full(self) -> bool:
        return not any(self.wants(target) for target in self._targets)

    def add(self, targets: Iterable[PythonTarget | None]) -> None:
        self._met.update(set(targets))


def _decide_release(
    project: Project,
    text: str,
    files: list[File],
    policy: Policy,
    now: str,
    counter: _NewestCounter,
) -> list[Decision]:
    version = parse_version(text)
    rejection = check_release(project.name, version, text, policy)
    if rejection is not None:
        return [Decision(file, False, *rejection) for file in files]
    pinned = is_pinned(project.name, version, policy)
    # A release that is kept for its pin alone takes no place among the newest N.
    counts = not pinned or (
        version is not None and is_asked_for_unpinned(project.name, version, policy)
    )
    decisions: list[Decision] = []
    served: set[PythonTarget | None] = set()
    for file in files:
        rejection = check_file(file, policy, now, pinned=pinned)
        targets: tuple[PythonTarget | None, ...] = ()
        if rejection is None:
            targets, rejection = targets_served(file, policy)
        if rejection is not None:
            decisions.append(Decision(file, False, *rejection))
            continue
        wanted = targets if pinned else tuple(filter(counter.wants, targets))
        if wanted:
            if counts and (policy.yanked or not file.yanked):
                served.update(wanted)
            decisions.append(Decision(file, True, Reason.SELECTED, _serves(wanted)))
        else:
            decisions.extend(_superseded([file]))
    counter.add(served)
    return decisions


def _serves(targets: Iterable[PythonTarget | None]) -> str:
    return ", ".join(f"Python {target}" for target in targets if target is not None)


def _superseded(files: list[File]) -> list[Decision]:
    return [Decision(file, False, Reason.SUPERSEDED, "newer releases are kept") for file in files]


def _newest_first(files: Iterable[File]) -> list[tuple[str, list[File]]]:
    by_version: dict[str, list[File]] = {}
    for file in files:
        by_version.setdefault(file.version, []).append(file)
    releases = sorted(
        by_version.items(),
        key=lambda item: (
            (version := parse_version(item[0])) is not None,
            version or _OLDEST,
            item[0],
        ),
        reverse=True,
    )
    return [(text, sorted(group, key=lambda file: file.filename)) for text, group in releases]


def reconsider_at(decisions: Iterable[Decision], policy: Policy) -> str | None:
    """Return when a file that is too young now will be old enough, None when there is none.

    Such a project must be looked at again then, though nothing changed upstream.
    """
    if not policy.min_age_days:
        return None
    times = [
        shift(decision.file.upload_time, policy.min_age_days)
        for decision in decisions
        if decision.reason is Reason.TOO_YOUNG and decision.file.upload_time
    ]
    return min(times, default=None)


def split_candidates(
    project: Project, policy: Policy, now: str
) -> tuple[tuple[File, ...], tuple[Decision, ...]]:
    """Apply the rules that hold for every release, for the closure to choose from.

    Left aside are what the user requested, which the closure knows better; pre-releases and yanked
    files, which count when somebody asks for them; and Pythons, since environments say more.

    Returns:
        The files that may be chosen, and the decisions on all others.
    """
    rules = msgspec.structs.replace(policy, requested=None, prereleases=True, pythons=None)
    files: list[File] = []
    rejected: list[Decision] = []
    pattern = policy.excludes_project(project.name)
    for text, group in _newest_first(project.files):
        of_release = check_release(project.name, parse_version(text), text, rules)
        if pattern is not None:
            of_release = Reason.EXCLUDED, f"exclude: {pattern}"
        for file in group:
            rejection = of_release or check_file(file, rules, now, pinned=True)
            if rejection is None:
                files.append(file)
            else:
                rejected.append(Decision(file, False, *rejection))
    return tuple(files), tuple(rejected)
