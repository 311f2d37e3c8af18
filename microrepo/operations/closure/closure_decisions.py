"""Decisions on the files of a project by the result of a closure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from microrepo.formats.distribution.filenames import parse_wheel_name
from microrepo.formats.version_numbers import parse_version, version_order
from microrepo.model import Cause, Decision, File, NormalizedName, Project
from microrepo.operations.refresh.upstream.project_record import Decide
from microrepo.selection.environments.environment import Environment
from microrepo.selection.resolver.facts import Candidates
from microrepo.selection.rules.decisions import select, split_candidates
from microrepo.selection.rules.policy import Policy

_SHOWN_ENVIRONMENTS = 3
_NEVER_KEPT = frozenset({Cause.MALWARE, Cause.FORGED})
_UNMET = "the requirement cannot be met"


def decide_by_closure(
    project: NormalizedName,
    candidates: Iterable[File],
    chosen: Mapping[str, str],
    environments: Sequence[Environment],
    also: Collection[str] = (),
    *,
    is_requested: bool = False,
) -> tuple[Decision, ...]:
    """Return a decision for each file that no rule rejects.

    Args:
        project: the project of the files.
        chosen: names of the files that the closure needs, with what needs them.
        environments: the targets of the closure.
        also: names of files in other releases that are kept.
        is_requested: the project is a goal itself.
    """
    files = tuple(candidates)
    releases = {file.version for file in files if file.filename in chosen}
    newest = max(releases, key=version_order, default=None)
    misfit = f"no target environment can use it: yours is {_named(environments)}"
    unmet = _UNMET if is_requested else f"no goal needs {project}"
    return tuple(
        Decision(file, True, Cause.REQUIRED, chosen[file.filename])
        if file.filename in chosen
        else Decision(file, True, Cause.SELECTED, "one of the releases that `versions` keeps")
        if file.filename in also
        else _left_out(file, newest, environments, misfit, unmet)
        for file in files
    )


def _left_out(
    file: File,
    newest: str | None,
    environments: Sequence[Environment],
    misfit: str,
    unmet: str,
) -> Decision:
    if all(environment.supports(file) is None for environment in environments):
        return Decision(file, False, _misfit(file, environments), misfit)
    if newest is None:
        return Decision(file, False, Cause.NOT_IN_CLOSURE, unmet)
    if file.version == newest:
        return Decision(file, False, Cause.NOT_IN_CLOSURE, f"another file of {newest} is preferred")
    if version_order(file.version) < version_order(newest):
        return Decision(file, False, Cause.SUPERSEDED, f"{newest} is chosen")
    return Decision(file, False, Cause.NOT_IN_CLOSURE, f"{newest} is chosen{_obstacle(file)}")


def _obstacle(file: File) -> str:
    """Return why installers do not choose a newer release by themselves."""
    version = parse_version(file.version)
    if file.yanked:
        return "; this release is yanked"
    if version is not None and version.is_prerelease:
        return "; this is a pre-release"
    return ""


def _misfit(file: File, environments: Sequence[Environment]) -> Cause:
    """Return the cause that no environment can use a file, checked in order of importance."""
    if not any(environment.admits_python(file.requires_python) for environment in environments):
        return Cause.REQUIRES_PYTHON
    wheel = parse_wheel_name(file.filename)
    if wheel is None:
        return Cause.PACKAGE_TYPE
    fits = any(environment.admits_interpreter(wheel) for environment in environments)
    return Cause.PLATFORM if fits else Cause.PYTHON


def _named(environments: Sequence[Environment]) -> str:
    names = [_name(environment) for environment in environments[:_SHOWN_ENVIRONMENTS]]
    more = len(environments) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _name(environment: Environment) -> str:
    """Return the best wheel tag of an environment, with its name if that differs."""
    python, _, platform = next(
        (tag for tag in environment.tags if "-linux_" not in tag), environment.tags[0]
    ).split("-")
    tag = f"{python}-{platform}"
    return tag if environment.name in {tag, ""} else f"{environment.name} ({tag})"


def deciding_by_closure(
    policy: Policy,
    chosen: Mapping[str, str],
    kept: Mapping[str, str],
    environments: Sequence[Environment],
    now: str,
    split: Callable[[Project], Candidates | None] = lambda _: None,
) -> Decide:
    """Return a function that decides on projects of a closure.

    It also keeps more releases of requested projects that fit an environment, if `versions` is more
    than the newest.

    Args:
        policy: the rules.
        chosen: names of the files that the closure needs, with what needs them.
        kept: names of the files that unmet goals need, with these goals.
        environments: the targets of the closure.
        split: returns the candidates of a project if they are known.
    """
    needed = {**kept, **chosen}
    requested = policy.requested or {}

    def decide(project: Project) -> tuple[Decision, ...]:
        is_requested = project.name in requested
        also = set()
        if policy.newest != 1 and is_requested:
            also = {
                decision.file.filename
                for decision in select(project, policy, now)
                if decision.keep and _suits(decision.file, environments)
            }
        known = split(project) or Candidates(*split_candidates(project, policy, now))
        files, rejected = known.files, known.rejected
        decided = decide_by_closure(
            project.name, files, needed, environments, also, is_requested=is_requested
        )
        # Files that an unmet goal needs are kept, whatever the rules say now; malware and files with
        # forged attestations are not.
        others = (
            Decision(one.file, True, Cause.REQUIRED, kept[one.file.filename])
            if one.file.filename in kept and one.cause not in _NEVER_KEPT
            else one
            for one in rejected
        )
        return (*decided, *others)

    return decide


def _suits(file: File, environments: Sequence[Environment]) -> bool:
    return any(environment.supports(file) is not None for environment in environments)
