"""One predicate per reason: each answers why a file is left out, or None.

Rules look at one file (or one release, or one project) and the policy alone, so their order changes
only which reason is given first, never what is kept.
"""

from __future__ import annotations

from functools import lru_cache

from packaging.utils import canonicalize_name
from packaging.version import Version

from microrepo.formats.distribution.filenames import (
    guess_release,
    parse_wheel_name,
    split_release,
    unsafe_filename,
)
from microrepo.formats.times import shift
from microrepo.model import Cause, Digests, File, NormalizedName, Project
from microrepo.selection.environments.platform_patterns import (
    excluded_by,
    first_match,
    platform_tags,
)
from microrepo.selection.environments.python_versions import (
    PythonTarget,
    fits,
    labels_of,
    requires_python_admits,
    some_version_admitted,
)
from microrepo.selection.rules.affected_releases import affecting, describe
from microrepo.selection.rules.metadata_rules import check_metadata
from microrepo.selection.rules.patterns import first_found, specifier_set
from microrepo.selection.rules.plugin_rules import check_rules
from microrepo.selection.rules.policy import Policy, is_pin

Rejection = tuple[Cause, str]


def check_project(project: Project, policy: Policy) -> Rejection | None:
    """Say why nothing of a project is wanted, its pins aside: lists, metadata, size, versions."""
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
    """Say whether a project is too large or has too few or too many releases."""
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


def has_release_rules(policy: Policy) -> bool:
    """Tell whether `check_unpinned_release` can say anything."""
    return bool(
        policy.allowed is not None
        or policy.allow_releases
        or policy.exclude_releases
        or policy.vulnerabilities == "refuse"
    )


def check_unpinned_release(
    project: Project, version: Version | None, text: str, policy: Policy
) -> Rejection | None:
    """Say why no file of a release is wanted that nobody pins.

    Args:
        project: its project.
        version: the parsed version, None for a legacy one.
        text: the version as the index writes it.
        policy: the rules.
    """
    allowed, name = policy.allowed, project.name
    if allowed is not None and not (allowed.project(name) or allowed.release(name, version)):
        return Cause.NOT_ALLOWED, f"no entry of `allow` admits {name} {text}"
    if policy.allow_releases and first_found(policy.allow_releases, text) is None:
        return Cause.RELEASE_PATTERN, f"allow_releases: nothing is found in {text!r}"
    if policy.exclude_releases:
        pattern = first_found(policy.exclude_releases, text)
        if pattern is not None:
            return Cause.RELEASE_PATTERN, f"exclude_releases: {pattern}"
    if policy.vulnerabilities == "refuse":
        found = affecting(project, text)
        if found:
            return Cause.VULNERABLE, "; ".join(map(describe, found))
    return None


def check_release(
    name: NormalizedName, version: Version | None, text: str, policy: Policy
) -> Rejection | None:
    """Say why no file of a release is wanted: exclusions, requirement specifiers, pre-releases.

    Args:
        name: the project.
        version: the parsed version, None for a legacy one.
        text: the version as the index writes it.
        policy: the rules.
    """
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


def _pins(name: NormalizedName, policy: Policy) -> list[str]:
    """Return the specifiers that pin releases of a project: requested ones, and those in `allow`."""
    texts = (policy.requested or {}).get(name, ())
    if policy.allowed is not None:
        texts = (*texts, *policy.allowed.releases.get(name, ()))
    return [text for text in texts if is_pin(text)]


def has_pin(name: NormalizedName, policy: Policy) -> bool:
    """Tell whether some requirement pins a release of the project."""
    return bool(_pins(name, policy))


def is_pinned(name: NormalizedName, version: Version | None, policy: Policy) -> bool:
    """Tell whether a requirement pins exactly this release (``==`` without a star, ``===``).

    A pinned release is kept beside newer ones, and even when it is yanked (PEP 592).
    """
    return version is not None and any(
        specifier_set(text).contains(version, prereleases=True) for text in _pins(name, policy)
    )


def is_asked_for_unpinned(name: NormalizedName, version: Version, policy: Policy) -> bool:
    """Tell whether a release would be wanted without its pin, pre-releases considered."""
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


def check_file(
    file: File,
    policy: Policy,
    now: str,
    *,
    pinned: bool,
    ripe: bool = False,
    project: NormalizedName | None = None,
) -> Rejection | None:
    """Say why one file is not wanted, leaving Pythons and newer releases aside.

    Args:
        file: the file.
        policy: the rules.
        now: the present, a normalised time.
        pinned: a requirement pins its release.
        ripe: its age does not matter.
        project: on whose page it stands.
    """
    unsafe = unsafe_filename(file.filename)
    if unsafe:
        return Cause.UNSAFE_NAME, unsafe
    owner = None if project is None else _other_project(file.filename, project)
    if owner is not None:
        return Cause.UNSAFE_NAME, f"its name is that of a file of {owner}"
    if policy.package_types is not None and file.package_type not in policy.package_types:
        return Cause.PACKAGE_TYPE, file.package_type
    of_name = _check_name(file.filename, policy)
    if of_name is not None:
        return of_name
    if file.yanked and not (policy.yanked or pinned):
        return Cause.YANKED, file.yanked_reason or "no reason given"
    # What lies in a directory of this machine is read from it, not from a network in between.
    if policy.require_digests and file.digests == Digests() and not file.url.startswith("file:"):
        return Cause.NO_DIGEST, "see `require_digests`"
    if policy.max_file_bytes is not None and (file.size or 0) > policy.max_file_bytes:
        return Cause.TOO_LARGE, f"{file.size} bytes, limit {policy.max_file_bytes}"
    return _check_target(file, policy) or _check_time(file, policy, now, ripe=ripe)


def _other_project(filename: str, project: NormalizedName) -> str | None:
    """Return the project that a file's name belongs to, None where that may be `project`.

    Installers that read a flat directory know a file's project from its name alone.
    """
    wheel = parse_wheel_name(filename)
    if wheel is not None:
        owner = canonicalize_name(wheel.project)
        return None if owner == project else owner
    version = None if filename.endswith(".egg") else guess_release(filename, project)
    release = split_release(filename)
    if release is None or (version is not None and version[:1].isdigit()):
        return None
    owner = canonicalize_name(release[0])
    return None if owner == project else owner


def _check_name(filename: str, policy: Policy) -> Rejection | None:
    if policy.extensions is not None and not _has_extension(filename, policy.extensions):
        return Cause.EXTENSION, filename.rpartition(".")[2]
    if policy.allow_files and first_found(policy.allow_files, filename) is None:
        return Cause.FILE_PATTERN, "allow_files: nothing is found in the name"
    if policy.exclude_files:
        pattern = first_found(policy.exclude_files, filename)
        if pattern is not None:
            return Cause.FILE_PATTERN, f"exclude_files: {pattern}"
    return None


def check_third_party(project: Project, file: File, policy: Policy) -> Rejection | None:
    """Say which rule of another distribution leaves a file out.

    Raises:
        RuleFailed: a rule raised an error.
    """
    found = check_rules(project, file, policy.third_party)
    return (Cause.THIRD_PARTY, found) if found is not None else None


def is_exempt_from_age(name: NormalizedName, version: Version | None, policy: Policy) -> bool:
    """Tell whether `min_age_exempt` names the project or the release."""
    exempt = policy.min_age_exempt
    return bool(exempt) and bool(exempt.project(name) or exempt.release(name, version))


@lru_cache(maxsize=65536)
def _has_extension(filename: str, extensions: tuple[str, ...]) -> bool:
    return filename.endswith(tuple(f".{extension}" for extension in extensions))


def _check_target(file: File, policy: Policy) -> Rejection | None:
    """Say why no machine that counts can use a file: its Pythons, its platforms."""
    versions, required = policy.requires_python, file.requires_python
    if versions and required and not some_version_admitted(required, versions):
        return Cause.REQUIRES_PYTHON, f"requires_python: {required}, not {', '.join(versions)}"
    patterns, excluded = policy.platforms, policy.exclude_platforms
    if patterns is not None:
        wheel = parse_wheel_name(file.filename)
        if wheel is not None and not _serves(wheel.platforms, patterns, excluded):
            return Cause.PLATFORM, ".".join(wheel.platforms)
    if excluded:
        found = excluded_by(platform_tags(file), excluded)
        if found:
            return Cause.PLATFORM, f"exclude_platforms: {', '.join(found)}"
    return None


@lru_cache(maxsize=65536)
def _serves(tags: tuple[str, ...], patterns: tuple[str, ...], excluded: tuple[str, ...]) -> bool:
    return any(first_match(tag, patterns) and not first_match(tag, excluded) for tag in tags)


def _check_time(file: File, policy: Policy, now: str, *, ripe: bool) -> Rejection | None:
    min_age_days = 0 if ripe else policy.min_age_days
    if policy.uploaded_before is None and not min_age_days:
        return None
    if file.upload_time is None:
        return Cause.TOO_LATE, "the source announces no upload time"
    if policy.uploaded_before is not None and file.upload_time >= policy.uploaded_before:
        return Cause.TOO_LATE, f"uploaded {file.upload_time}"
    if min_age_days and file.upload_time > shift(now, -min_age_days):
        return Cause.TOO_YOUNG, f"uploaded {file.upload_time}"
    return None


def targets_served(
    file: File, policy: Policy
) -> tuple[tuple[PythonTarget | None, ...], Rejection | None]:
    """Return the Pythons that can use `file`, and why none can when none does.

    Without a Python filter, or with one of generic words alone, the answer is one nameless
    target, None.
    """
    pythons = policy.pythons
    if pythons is None:
        return (None,), None
    if not pythons.targets:
        labels = labels_of(file)
        if labels & set(pythons.labels):
            return (None,), None
        return (), (Cause.PYTHON, ".".join(sorted(labels)))
    fitting = tuple(target for target in pythons.targets if fits(file, target))
    if not fitting:
        return (), (Cause.PYTHON, f"for none of {', '.join(map(str, pythons.targets))}")
    required = file.requires_python
    if not required:
        return fitting, None
    admitted = tuple(target for target in fitting if requires_python_admits(required, target))
    return admitted, None if admitted else (Cause.REQUIRES_PYTHON, required)
