"""Rules about releases: exclusions, requirements, pins, pre-releases, advisories."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from packaging.version import Version

from microrepo.formats.distribution.filenames import is_variants_index
from microrepo.formats.version_numbers import is_pin, parse_version, specifier_set
from microrepo.model import Cause, Decision, NormalizedName, Project
from microrepo.selection.ownership import parts_of
from microrepo.selection.rules.affected_releases import affecting, describe, malware_in
from microrepo.selection.rules.patterns import first_found
from microrepo.selection.rules.policy import Policy, Rejection
from microrepo.selection.trust.cool_down import is_security_fix
from microrepo.selection.trust.downgrades import distrusted


def has_release_rules(policy: Policy) -> bool:
    """Return whether `check_unpinned_release` can skip a release."""
    return bool(
        policy.allowed is not None
        or policy.allow_releases
        or policy.exclude_releases
        or policy.refuses_vulnerable
    )


def check_unpinned_release(
    project: Project, version: Version | None, text: str, policy: Policy
) -> Rejection | None:
    """Return why an unpinned release is skipped.

    Args:
        project: the project.
        version: the parsed version, None for a legacy one.
        text: the version as the index spells it.
    """
    allowed, name = policy.allowed, project.name
    if allowed is not None and not (allowed.project(name) or allowed.release(name, version)):
        return Cause.NOT_ALLOWED, f"no entry of `allow` admits {name} {text}"
    if policy.allow_releases and first_found(policy.allow_releases, text) is None:
        return Cause.RELEASE_PATTERN, f"allow_releases: no pattern matches {text!r}"
    if policy.exclude_releases:
        pattern = first_found(policy.exclude_releases, text)
        if pattern is not None:
            return Cause.RELEASE_PATTERN, f"exclude_releases: {pattern}"
    if policy.refuses_vulnerable:
        found = affecting(project, text, policy.advisories)
        if found:
            return Cause.VULNERABLE, "; ".join(map(describe, found))
    return None


def check_release(
    name: NormalizedName, version: Version | None, text: str, policy: Policy
) -> Rejection | None:
    """Return why a release is skipped: malware, exclusions, specifiers, pre-releases.

    Args:
        version: the parsed version, None for a legacy one.
        text: the version as the index spells it.
    """
    if policy.malware == "refuse" and policy.advisories is not None:
        found = malware_in(name, text, policy.advisories)
        if found:
            return Cause.MALWARE, "; ".join(map(describe, found))
    requested = ("",) if policy.requested is None else policy.requested.get(name, ())
    if version is None:
        if any(spec == "" for spec in requested):
            return None
        return Cause.INVALID_VERSION, f"{text!r} is not a PEP 440 version"
    if policy.excluded.releases:
        pattern = policy.excluded.release(name, version)
        if pattern is not None:
            return Cause.EXCLUDED, f"exclude: {pattern}"
    matching = [
        s for s in requested if not s or specifier_set(s).contains(version, prereleases=True)
    ]
    if not matching:
        return Cause.NOT_REQUESTED, f"{text} is not in {' or '.join(requested) or 'the request'}"
    asked_for = policy.prereleases or any(specifier_set(spec).prereleases for spec in matching)
    if version.is_prerelease and not asked_for and not is_pinned(name, version, policy):
        return Cause.PRERELEASE, f"{text} is a pre-release"
    return None


def unmet_requests(
    name: NormalizedName, decisions: Iterable[Decision], policy: Policy
) -> tuple[str, ...]:
    """Return the requirements of a project that none of its kept releases meets.

    A release superseded by a newer one of another requirement counts as kept.
    """
    return tuple(f"{name}{text}" for text in unmet_specifiers(name, decisions, policy) if text)


def unmet_specifiers(
    name: NormalizedName, decisions: Iterable[Decision], policy: Policy
) -> tuple[str, ...]:
    """Return the same as specifiers, with "" where any release would do and none is kept."""
    versions = {
        parse_version(one.file.version)
        for one in decisions
        if one.keep or one.cause is Cause.SUPERSEDED
    }
    return tuple(
        text
        for text in (policy.requested or {}).get(name, ())
        if not any(version is not None and specifier_admits(text, version) for version in versions)
    )


def specifier_admits(text: str, version: Version) -> bool:
    """Return whether a requirement's specifiers contain a release, pre-releases included."""
    return not text or specifier_set(text).contains(version, prereleases=True)


def _pins(name: NormalizedName, policy: Policy) -> list[str]:
    """Return the specifiers that pin releases of a project, from requests and `allow`."""
    texts = (policy.requested or {}).get(name, ())
    if policy.allowed is not None:
        texts = (*texts, *policy.allowed.releases.get(name, ()))
    return [text for text in texts if is_pin(text)]


def has_pin(name: NormalizedName, policy: Policy) -> bool:
    """Return whether a requirement pins a release of the project."""
    return bool(_pins(name, policy))


def is_pinned(name: NormalizedName, version: Version | None, policy: Policy) -> bool:
    """Return whether a requirement pins exactly this release (``==`` without a star, ``===``).

    A pinned release is kept beside newer ones, even if it is yanked (PEP 592).
    """
    return version is not None and any(
        specifier_set(text).contains(version, prereleases=True) for text in _pins(name, policy)
    )


def is_asked_for_unpinned(name: NormalizedName, version: Version, policy: Policy) -> bool:
    """Return whether a release would be kept without its pin, considering pre-releases."""
    requested = ("",) if policy.requested is None else policy.requested.get(name, ())
    asked = any(
        specifier_set(text).contains(version, prereleases=True)
        and (
            not version.is_prerelease or policy.prereleases or bool(specifier_set(text).prereleases)
        )
        for text in requested
        if not is_pin(text)
    )
    allowed = policy.allowed
    if not asked or allowed is None:
        return asked
    return allowed.project(name) is not None or any(
        specifier_set(text).contains(version, prereleases=True)
        for text in allowed.releases.get(name, ())
        if not is_pin(text)
    )


def is_exempt_from_age(
    name: NormalizedName, version: Version | None, text: str, policy: Policy
) -> bool:
    """Return whether `min_age_exempt` names the project or the release, or it fixes a held one."""
    exempt, known = policy.min_age_exempt, policy.advisories
    if exempt and (exempt.project(name) or exempt.release(name, version)):
        return True
    held = policy.held.get(name, ())
    return known is not None and bool(held) and is_security_fix(text, known.of(name), held)


def distrusted_files(project: Project, policy: Policy) -> dict[str, Rejection]:
    """Return why files are refused for their provenance, even if they are pinned.

    Each of several sources has its own history: they publish in different ways.
    """
    if not policy.trust:
        return {}
    exceptions, name = policy.trust_exceptions, project.name
    is_exempt = exceptions.project(name) is not None

    def accepts(text: str) -> bool:
        return is_exempt or exceptions.release(name, parse_version(text)) is not None

    # What explains variant labels is not signed, and must not weaken what its wheels prove.
    files = tuple(file for file in project.files if not is_variants_index(file.filename))
    if len(files) != len(project.files):
        project = msgspec.structs.replace(project, files=files)
    refused: dict[str, Rejection] = {}
    for part in parts_of(project):
        refused |= distrusted(part, policy.trust, accepts)
    return refused
