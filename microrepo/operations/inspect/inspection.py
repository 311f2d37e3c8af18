"""Looking without touching: list, stats, explain. All from the state, offline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.batching import batched
from microrepo.clock import now
from microrepo.config.schema import Config
from microrepo.errors import RepositoryError
from microrepo.formats.distribution.filenames import (
    egg_python,
    extension_of,
    package_type_of,
    parse_wheel_name,
)
from microrepo.model import Cause, Decision, File, Project
from microrepo.operations.inspect.requirement_trace import trace
from microrepo.operations.run.goals import Requests, policy_of
from microrepo.publish.links import links_of
from microrepo.selection.rules.decisions import select, split_candidates
from microrepo.selection.rules.policy import Policy
from microrepo.state import (
    FileRow,
    HistoryRow,
    ProjectRow,
    Requirer,
    State,
    open_for_reading,
)

_DOCUMENT_BATCH = 500


class HeldFile(FileRow, frozen=True, gc=False):
    """A file and the name of the source that its project comes from."""

    source: str = ""


def list_files(config: Config, patterns: Sequence[str] = ()) -> list[HeldFile]:
    """Return the files that are present, by name; of the named projects alone when there are any.

    Raises:
        RepositoryError: the state cannot be read, or a named project is not in it.
    """
    state = open_for_reading(config.repository)
    try:
        names = [canonicalize_name(name) for name in patterns]
        for name in names:
            if name not in state.projects([name]):
                raise RepositoryError(config.repository, f"holds no project {name!r}")
        sources = {row[0]: row[7] for row in state.iter_known()}
        is_index = not links_of(config, state, decides=False).files
        rows = (
            HeldFile(**msgspec.structs.asdict(row), source=sources.get(row.project, ""))
            for row in state.files(names or None)
            if row.present or is_index
        )
        return sorted(rows, key=lambda row: row.filename)
    finally:
        state.close()


def history(config: Config, project: str | None = None, limit: int = 100) -> list[HistoryRow]:
    """Return the newest changes, newest first, of one project or of all.

    Raises:
        RepositoryError: the state cannot be read.
    """
    state = open_for_reading(config.repository)
    try:
        return state.history(canonicalize_name(project) if project else None, limit)
    finally:
        state.close()


class Tally(Struct, frozen=True):
    """Files and bytes that share a value."""

    files: int
    size_bytes: int


class Stats(Struct, frozen=True):
    """What a repository holds, and which values the source's files have on each axis.

    Attributes:
        by_type, by_extension, by_python, by_platform: value -> tally of the files held.
        seen: axis -> value -> number of files in all records that the source gave, kept or not:
            what the filters can be set to.
    """

    projects: int
    files: int
    size_bytes: int
    by_type: dict[str, Tally]
    by_extension: dict[str, Tally]
    by_python: dict[str, Tally]
    by_platform: dict[str, Tally]
    seen: dict[str, dict[str, int]]


def stats(config: Config) -> Stats:
    """Count what the repository holds.

    Raises:
        RepositoryError: the state cannot be read.
    """
    state = open_for_reading(config.repository)
    try:
        is_index = not links_of(config, state, decides=False).files
        rows = [row for row in state.files() if row.present or is_index]
        seen = _seen(_all_documents(state))
        return Stats(
            projects=len({row.project for row in rows}),
            files=len(rows),
            size_bytes=sum(row.size or 0 for row in rows),
            by_type=_tally(rows, lambda name: [package_type_of(name) or "unknown"]),
            by_extension=_tally(rows, lambda name: [extension_of(name)]),
            by_python=_tally(rows, _pythons),
            by_platform=_tally(rows, _platforms),
            seen=seen,
        )
    finally:
        state.close()


def _pythons(filename: str) -> list[str]:
    wheel = parse_wheel_name(filename)
    if wheel:
        return [".".join(wheel.pythons)]
    return [egg_python(filename) or _without_tags(filename)]


def _platforms(filename: str) -> list[str]:
    wheel = parse_wheel_name(filename)
    return [".".join(wheel.platforms)] if wheel else [_without_tags(filename)]


def _without_tags(filename: str) -> str:
    return "source" if package_type_of(filename) == "sdist" else "any"


def _tally(rows: Iterable[FileRow], values_of: Callable[[str], list[str]]) -> dict[str, Tally]:
    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for row in rows:
        for value in values_of(row.filename):
            files[value] += 1
            sizes[value] += row.size or 0
    return {value: Tally(count, sizes[value]) for value, count in files.most_common()}


def _seen(projects: Iterable[Project]) -> dict[str, dict[str, int]]:
    axes: dict[str, Counter[str]] = {
        axis: Counter() for axis in ("package_types", "extensions", "python_versions", "platforms")
    }
    for project in projects:
        for file in project.files:
            _count_axes(file, axes)
    return {axis: dict(counter.most_common()) for axis, counter in axes.items()}


def _count_axes(file: File, axes: dict[str, Counter[str]]) -> None:
    axes["package_types"][file.package_type] += 1
    axes["extensions"][extension_of(file.filename)] += 1
    wheel = parse_wheel_name(file.filename)
    label = ".".join(wheel.pythons) if wheel else file.python_version or "any"
    axes["python_versions"][label] += 1
    if wheel:
        axes["platforms"].update(wheel.platforms)


def _all_documents(state: State) -> Iterator[Project]:
    names = [row[0] for row in state.iter_known()]
    for batch in batched(names, _DOCUMENT_BATCH):
        yield from state.documents(batch).values()


class Explanation(Struct, frozen=True):
    """Why the files of a project are in or out.

    Attributes:
        decisions: one per file that the source lists, newest release first; then those behind
            direct URLs.
        present: names of those that are on disk.
        requirers: per file name what required it.
        chains: per file name the ways from it to goals, see `tracing.trace`.
    """

    project: Project
    row: ProjectRow
    decisions: tuple[Decision, ...]
    present: frozenset[str]
    requirers: dict[str, tuple[Requirer, ...]]
    chains: dict[str, tuple[str, ...]] = {}


def explain(config: Config, requests: Requests, target: str) -> Explanation:
    """Decide anew, from the stored record, on the files of one project or on one file.

    Args:
        config: complete settings.
        requests: what is wanted.
        target: name of a file or of a project.

    Raises:
        RepositoryError: the state knows neither.
    """
    policy = policy_of(config, requests)
    requested = policy.requested or {}
    state = open_for_reading(config.repository)
    try:
        project, row = _find(state, config.repository, target)
        requirers = {file.filename: tuple(state.requirers(file.filename)) for file in project.files}
        rows = tuple(state.files([project.name]))
        unlisted = _behind_urls(state, project, rows)
        requirers |= {name: tuple(state.requirers(name)) for name in unlisted}
        decisions = _decisions(project, policy)
        followed = next(iter(state.all_requirers()), None) is not None
        if any(requirers.values()) or (followed and project.name not in requested):
            decisions = _decisions_of_closure(project, policy, requirers)
        decisions += tuple(Decision(f, True, Cause.REQUIRED, "") for f in unlisted.values())
        named = tuple(d for d in decisions if d.file.filename == target)
        is_index = not links_of(config, state, decides=False).files
        present = frozenset(file.filename for file in rows if file.present or is_index)
        chains = trace(state, [name for name, found in requirers.items() if found])
        if policy.budget_bytes is not None and row.complete:
            named, decisions = (_with_evictions(d, present) for d in (named, decisions))
        return Explanation(project, row, named or decisions, present, requirers, chains)
    finally:
        state.close()


def _behind_urls(state: State, project: Project, rows: Iterable[FileRow]) -> dict[str, File]:
    """Return the files that direct URLs lead to, which no source lists, by name."""
    listed = {file.filename for file in project.files}
    return {
        row.filename: File(
            row.filename, row.url, row.version, package_type_of(row.filename) or "", row.digests
        )
        for row in rows
        if row.filename not in listed and state.requirers(row.filename)
    }


def _with_evictions(decisions: Iterable[Decision], present: frozenset[str]) -> tuple[Decision, ...]:
    """Say what became of files that the rules keep and that a complete project lacks."""
    return tuple(
        Decision(d.file, False, Cause.EVICTED, "gave way to `max_total_size`")
        if d.keep and d.file.filename not in present
        else d
        for d in decisions
    )


def _decisions(project: Project, policy: Policy) -> tuple[Decision, ...]:
    return select(project, policy, now())


def _decisions_of_closure(
    project: Project, policy: Policy, requirers: Mapping[str, tuple[Requirer, ...]]
) -> tuple[Decision, ...]:
    """Tell what the last closure chose; what it passed over broke no rule but was not needed."""
    files, rejected = split_candidates(project, policy, now())
    chosen = (
        Decision(file, True, Cause.REQUIRED, "")
        if requirers[file.filename]
        else Decision(file, False, Cause.NOT_IN_CLOSURE, "")
        for file in files
    )
    return (*chosen, *rejected)


def _find(state: State, repository: str, target: str) -> tuple[Project, ProjectRow]:
    candidates = [canonicalize_name(target)]
    row = state.files_named([target]).get(target)
    if row is not None:
        candidates.insert(0, row.project)
    # A file that was left out has no row: its name begins with its project's.
    pieces = target.split("-")
    candidates += [canonicalize_name("-".join(pieces[:end])) for end in range(1, len(pieces))]
    documents = state.documents(candidates)
    rows = state.projects(candidates)
    for name in candidates:
        project = documents.get(name)
        if project is None or name not in rows:
            continue
        if name == candidates[0] or any(file.filename == target for file in project.files):
            return project, rows[name]
    raise RepositoryError(
        repository,
        f"knows neither a file nor a project {target!r}; `microrepo list` shows what is there",
    )
