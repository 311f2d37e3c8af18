"""Reasons why a requirement cannot be met, in pip's terms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from packaging.utils import canonicalize_name
from packaging.version import Version

from microrepo.formats.distribution.filenames import needs_later_installers, parse_wheel_name
from microrepo.formats.requirements.direct_urls import is_followed, without_user
from microrepo.formats.requirements.requirement import Requirement
from microrepo.formats.specifiers import parse_specifiers
from microrepo.formats.version_numbers import parse_version
from microrepo.model import Cause, File, NormalizedName
from microrepo.selection.resolver.candidates import View
from microrepo.selection.resolver.goal_records import Goal, ResolveOptions
from microrepo.selection.resolver.nodes import Choice, Information, Req
from microrepo.selection.resolver.provider import Provider
from microrepo.selection.resolver.releases import Release
from microrepo.selection.resolver.resolution_records import Blocked, GoalFailure

_MAX_VERSIONS = 15
_MAX_UNFIT = 5
_MAX_BLOCKED = 20


def failure_of(provider: Provider, goal: Goal, causes: Sequence[Information]) -> GoalFailure:
    """Return the failure for the conflict at which the solver stopped."""
    view = provider.view
    asked = [_asks(view, goal, cause.requirement, cause.parent) for cause in causes]
    # The cause comes first, then its requirements, then the chain to the goal.
    lines: list[str] = []
    blocked: list[Blocked] = []
    for project, specifiers in _asked(causes).items():
        limits = provider.matches.constraints.get(project, ())
        asked.extend(f"the constraint {project}{limit}" for limit in limits)
        lines.extend(_matches(view, project, (*specifiers, *limits)))
        blocked.extend(_blocked(view, project, (*specifiers, *limits)))
    for requirement, _ in causes:
        if requirement.url and not requirement.impossible:
            lines.extend(_behind_url(view, requirement.project, requirement.url))
    lines.extend(_blocked_line(block) for block in blocked[:_MAX_BLOCKED])
    lines.extend((*asked, *_chains(provider, goal, causes)))
    return GoalFailure(
        goal,
        view.environment.name,
        tuple(dict.fromkeys(lines)),
        tuple(blocked),
        tuple(_asked(causes)),
    )


def unmet_reasons(
    view: View, want: Requirement, limits: Iterable[str], options: ResolveOptions
) -> list[str]:
    """Return why a single requirement has no match."""
    if want.url and (not options.allow_urls or not is_followed(want.url)):
        return [_refused_url(want.label, want.url)]
    specifiers = tuple(text for text in (want.specifiers, *limits) if text)
    lines = list(
        _behind_url(view, want.project, want.url)
        if want.url
        else _matches(view, want.project, specifiers)
    )
    lines.extend(_blocked_line(b) for b in _blocked(view, want.project, specifiers)[:_MAX_BLOCKED])
    return lines or [f"no file that matches {want.label} can be used"]


def _refused_url(text: str, url: str) -> str:
    if is_followed(url):
        return (
            f"{text} is a direct URL, which no repository can provide; set `allow_urls` to "
            "download it"
        )
    return f"{text} is a direct URL that is never followed; only http and https URLs are"


def _behind_url(view: View, project: NormalizedName, url: str) -> Iterator[str]:
    """Yield why the file of a direct URL cannot be used."""
    fact = view.facts.urls.get(url)
    shown = without_user(url)
    if isinstance(fact, str):
        yield f"{shown}: {fact}"
    elif fact is not None and canonicalize_name(fact.metadata.name) != project:
        yield f"{shown}: is {fact.metadata.name}, not {project}"
    elif fact is not None and view.environment.supports(fact.file) is None:
        yield f"{shown}: does not fit {view.environment.name}"


def _asked(causes: Iterable[Information]) -> dict[NormalizedName, tuple[str, ...]]:
    asked: dict[NormalizedName, tuple[str, ...]] = {}
    for requirement, _ in causes:
        if not requirement.impossible:
            known = asked.setdefault(requirement.project, ())
            if requirement.specifiers and requirement.specifiers not in known:
                asked[requirement.project] = (*known, requirement.specifiers)
    return asked


def _asks(view: View, goal: Goal, requirement: Req, parent: object) -> str:
    release = getattr(parent, "release", None)
    if requirement.impossible:
        text = requirement.impossible
        if requirement.direct:
            text = _refused_url(requirement.text, requirement.url)
        return text if not isinstance(release, Release) else f"{text}; needed by {_named(release)}"
    if isinstance(release, Release):
        text = f"{_named(release)} depends on {requirement.text}"
        if view.read_first(release) is release.foreign:
            text += f", by the metadata of {release.foreign[0].filename}"
        return text
    origin = f" ({goal.origin})" if goal.origin else ""
    return f"the goal requires {requirement.text}{origin}"


def _named(release: Release) -> str:
    return f"{release.project} {release.text}"


def _matches(view: View, project: NormalizedName, specifiers: tuple[str, ...]) -> Iterator[str]:
    candidates = view.facts.projects.get(project)
    releases = view.releases(project) if view.knows(project) else None
    if candidates is None or releases is None:
        if view.knows(project):
            yield f"project {project} not found"
        return
    if not (candidates.files or candidates.rejected):
        yield f"project {project} has no files"
        return
    if view.matches(project, frozenset(specifiers), prereleases=True):
        return
    wanted = f"{project}{','.join(specifiers)}"
    usable = [release.text for release in releases.releases]
    known = ", ".join(usable[:_MAX_VERSIONS]) + (", …" if len(usable) > _MAX_VERSIONS else "")
    yield f"no version fits {wanted} (versions that {view.environment.name} can use: " + (
        f"{known})" if known else "none)"
    )
    for release in releases.releases:
        if release.yanked and all(releases.admits(text, release) for text in specifiers):
            yield f"{_named(release)} is yanked ({release.files[0].yanked_reason or 'no reason'})"
    fitting = {release.version for release in releases.releases}
    yield from _not_admitted(view, project, candidates.files, specifiers)
    yield from _unfit(view, project, candidates.files, specifiers, fitting)


def _not_admitted(
    view: View, project: NormalizedName, files: Iterable[File], specifiers: Sequence[str]
) -> Iterator[str]:
    """Yield the files that the goal's options and digests exclude."""
    admission = view.admission
    for file in files:
        usable = view.environment.supports(file) is not None
        if not usable or admission.admits(project, file) or _admitted(file, specifiers) is None:
            continue
        if not admission.is_build_for(project, file):
            label = admission.label_of(project)
            limit = f"only +{label}" if label else "only releases without a local version"
            yield f"{file.filename} is another build: {view.environment.name} uses {limit}"
        elif not admission.has_digest(project, file):
            yield f"{file.filename} matches no --hash"
        else:
            kind = "--only-binary" if parse_wheel_name(file.filename) is None else "--no-binary"
            yield f"{file.filename} is excluded by {kind}"


def _unfit(
    view: View,
    project: NormalizedName,
    files: Iterable[File],
    specifiers: tuple[str, ...],
    fitting: set[Version],
) -> Iterator[str]:
    unfit: dict[Version, list[File]] = {}
    for file in files:
        version = _admitted(file, specifiers)
        if version is not None and version not in fitting:
            unfit.setdefault(version, []).append(file)
    for version in sorted(unfit, reverse=True)[:_MAX_UNFIT]:
        found = [file for file in unfit[version] if view.admission.admits(project, file)]
        if not found:
            continue
        pythons = {file.requires_python for file in found if file.requires_python}
        if all(not view.environment.admits_python(file.requires_python) for file in found):
            yield f"{project} {version} requires Python {' or '.join(sorted(pythons))}"
        else:
            names = ", ".join(sorted(file.filename for file in found)[:3])
            if all(needs_later_installers(file.filename) for file in found):
                yield f"{project} {version} has no file that current installers read ({names})"
            else:
                yield f"{project} {version} has no file for {view.environment.name} ({names})"


def _admitted(file: File, specifiers: Iterable[str]) -> Version | None:
    version = parse_version(file.version)
    if version is None:
        return None
    admitted = all(
        parse_specifiers(text)[0].contains(version, prereleases=True) for text in specifiers
    )
    return version if admitted else None


def _blocked(view: View, project: NormalizedName, specifiers: Sequence[str]) -> list[Blocked]:
    candidates = view.facts.projects.get(project)
    found: dict[Blocked, None] = {}
    for decision in candidates.rejected if candidates is not None else ():
        is_variant = decision.cause is Cause.VARIANT
        if not is_variant and view.environment.supports(decision.file) is None:
            continue
        if _admitted(decision.file, specifiers) is not None:
            blocked = Blocked(project, decision.file.version, decision.cause, decision.detail)
            found.setdefault(blocked)
    return list(found)


def _blocked_line(block: Blocked) -> str:
    detail = f" ({block.detail})" if block.detail else ""
    return f"{block.project} {block.version} is skipped: {block.rule.value}{detail}"


def _chains(provider: Provider, goal: Goal, causes: Iterable[Information]) -> Iterator[str]:
    for requirement, parent in causes:
        if parent is None:
            continue
        names = [requirement.text or str(requirement.project)]
        seen: set[str] = set()
        step: Choice | None = parent
        while step is not None and step.ident not in seen:
            seen.add(step.ident)
            names.append(_named(step.release))
            step = provider.parents.get(step.ident)
        names.append(goal.name)
        yield "chain: " + " <- ".join(dict.fromkeys(names))
