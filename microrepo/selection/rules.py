"""One predicate per reason: each answers why a file is left out, or None.

Rules look at one file (or one release) and the policy alone, so their order changes only which
reason is given first, never what is kept.
"""

from __future__ import annotations

import fnmatch
from functools import lru_cache

from packaging.version import Version

from microrepo.formats.filenames import parse_wheel_name, unsafe_filename
from microrepo.formats.times import shift
from microrepo.model import Digests, File, NormalizedName, Reason
from microrepo.selection.policy import Policy, specifier_set
from microrepo.selection.pythons import (
    PythonTarget,
    fits,
    labels_of,
    requires_python_admits,
)

Rejection = tuple[Reason, str]


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
        return Reason.INVALID_VERSION, f"{text!r} is not a PEP 440 version"
    for spec in policy.excluded_releases.get(name, ()):
        if specifier_set(spec).contains(version, prereleases=True):
            return Reason.EXCLUDED, f"exclude: {name}{spec}"
    matching = [s for s in requested if specifier_set(s).contains(version, prereleases=True)]
    if not matching:
        return Reason.NOT_REQUESTED, f"{text} is not in {' or '.join(requested) or 'the request'}"
    asked_for = policy.prereleases or any(specifier_set(spec).prereleases for spec in matching)
    if version.is_prerelease and not asked_for:
        return Reason.PRERELEASE, f"{text} is a pre-release"
    return None


def has_pin(name: NormalizedName, policy: Policy) -> bool:
    """Tell whether some requirement pins a release of the project."""
    return any(_pins(text) for text in (policy.requested or {}).get(name, ()))


def is_pinned(name: NormalizedName, version: Version | None, policy: Policy) -> bool:
    """Tell whether a requirement pins exactly this release (``==`` without a star, ``===``).

    A pinned release is kept beside newer ones, and even when it is yanked (PEP 592).
    """
    return version is not None and any(
        _pins(text) and specifier_set(text).contains(version, prereleases=True)
        for text in (policy.requested or {}).get(name, ())
    )


def is_asked_for_unpinned(name: NormalizedName, version: Version, policy: Policy) -> bool:
    """Tell whether a requirement other than a pin admits the release, pre-releases considered."""
    return any(
        specifier_set(text).contains(version, prereleases=True)
        and (
            not version.is_prerelease or policy.prereleases or bool(specifier_set(text).prereleases)
        )
        for text in (policy.requested or {}).get(name, ())
        if not _pins(text)
    )


@lru_cache(maxsize=4096)
def _pins(text: str) -> bool:
    return any(
        spec.operator in {"==", "==="} and not spec.version.endswith(".*")
        for spec in specifier_set(text)
    )


def check_file(file: File, policy: Policy, now: str, *, pinned: bool) -> Rejection | None:
    """Say why one file is not wanted, leaving Pythons and newer releases aside."""
    unsafe = unsafe_filename(file.filename)
    if unsafe:
        return Reason.UNSAFE_NAME, unsafe
    if policy.package_types is not None and file.package_type not in policy.package_types:
        return Reason.PACKAGE_TYPE, file.package_type
    if policy.extensions is not None and not _has_extension(file.filename, policy.extensions):
        return Reason.EXTENSION, file.filename.rpartition(".")[2]
    if file.yanked and not (policy.yanked or pinned):
        return Reason.YANKED, file.yanked_reason or "no reason given"
    if policy.require_digests and file.digests == Digests():
        return Reason.NO_DIGEST, "see `require_digests`"
    if policy.max_file_bytes is not None and (file.size or 0) > policy.max_file_bytes:
        return Reason.TOO_LARGE, f"{file.size} bytes, limit {policy.max_file_bytes}"
    return _check_platform(file, policy) or _check_time(file, policy, now)


@lru_cache(maxsize=65536)
def _has_extension(filename: str, extensions: tuple[str, ...]) -> bool:
    return filename.endswith(tuple(f".{extension}" for extension in extensions))


def _check_platform(file: File, policy: Policy) -> Rejection | None:
    if policy.platforms is None:
        return None
    wheel = parse_wheel_name(file.filename)
    if wheel is None or _platform_matches(wheel.platform_tags, policy.platforms):
        return None
    return Reason.PLATFORM, ".".join(wheel.platform_tags)


@lru_cache(maxsize=65536)
def _platform_matches(tags: tuple[str, ...], patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(tag, pattern) for tag in tags for pattern in patterns)


def _check_time(file: File, policy: Policy, now: str) -> Rejection | None:
    if policy.uploaded_before is None and not policy.min_age_days:
        return None
    if file.upload_time is None:
        return Reason.TOO_LATE, "the source announces no upload time"
    if policy.uploaded_before is not None and file.upload_time >= policy.uploaded_before:
        return Reason.TOO_LATE, f"uploaded {file.upload_time}"
    if policy.min_age_days and file.upload_time > shift(now, -policy.min_age_days):
        return Reason.TOO_YOUNG, f"uploaded {file.upload_time}"
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
        return (), (Reason.PYTHON, ".".join(sorted(labels)))
    fitting = tuple(target for target in pythons.targets if fits(file, target))
    if not fitting:
        return (), (Reason.PYTHON, f"for none of {', '.join(map(str, pythons.targets))}")
    required = file.requires_python
    if not required:
        return fitting, None
    admitted = tuple(target for target in fitting if requires_python_admits(required, target))
    return admitted, None if admitted else (Reason.REQUIRES_PYTHON, required)
