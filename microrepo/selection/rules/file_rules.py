"""Rules about single files: names, types, platforms, Pythons, sizes, times.

As in `project_rules` and `release_rules`, each returns why something is skipped, or None. A rule
depends only on its subject and the policy, so the order of the rules changes only which reason
comes first.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from packaging.utils import canonicalize_name

from microrepo.formats.distribution.filenames import (
    guess_release,
    is_variants_index,
    needs_later_installers,
    parse_wheel_name,
    project_of,
    unsafe_filename,
    variant_label,
)
from microrepo.formats.times import shift
from microrepo.model import Cause, Decision, Digests, File, NormalizedName, Project
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
from microrepo.selection.rules.patterns import first_found
from microrepo.selection.rules.plugin_rules import check_rules
from microrepo.selection.rules.policy import Policy, Rejection
from microrepo.selection.trust.cool_down import age_begins_at

_NO_DIGESTS = Digests()


def check_file(
    file: File,
    policy: Policy,
    now: str,
    *,
    pinned: bool,
    ripe: bool = False,
    project: NormalizedName | None = None,
) -> Rejection | None:
    """Return why a file is skipped, ignoring Pythons and newer releases.

    Args:
        pinned: a requirement pins its release.
        ripe: ignore its age.
        project: project of the page that lists it.
    """
    unsafe = unsafe_filename(file.filename)
    if unsafe:
        return Cause.UNSAFE_NAME, unsafe
    owner = None if project is None else _other_project(file.filename, project)
    if owner is not None:
        return Cause.UNSAFE_NAME, f"its name belongs to the project {owner}"
    if policy.package_types is not None and file.package_type not in policy.package_types:
        return Cause.PACKAGE_TYPE, file.package_type
    of_name = _check_name(file.filename, policy)
    if of_name is not None:
        return of_name
    if file.yanked and not (policy.yanked or pinned):
        return Cause.YANKED, file.yanked_reason or "no reason given"
    # A local directory is read directly, without a network.
    if policy.require_digests and file.digests == _NO_DIGESTS and not file.url.startswith("file:"):
        return Cause.NO_DIGEST, "see `require_digests`"
    if policy.max_file_bytes is not None and (file.size or 0) > policy.max_file_bytes:
        return Cause.TOO_LARGE, f"{file.size} bytes, limit {policy.max_file_bytes}"
    return _check_target(file, policy) or _check_time(file, policy, now, ripe=ripe)


def _other_project(filename: str, project: NormalizedName) -> str | None:
    """Return the project that a file's name belongs to, None if that can be `project`.

    In a flat directory, installers know a file's project only from its name.
    """
    wheel = parse_wheel_name(filename)
    if wheel is None and not (filename.endswith(".egg") or is_variants_index(filename)):
        version = guess_release(filename, project)
        if version is not None and version[:1].isdigit():
            return None
    owner = _canonical(wheel.project) if wheel is not None else project_of(filename)
    return None if owner == project else owner


# The files of a project spell its name in one or two ways.
_canonical = lru_cache(maxsize=4096)(canonicalize_name)


def _check_name(filename: str, policy: Policy) -> Rejection | None:
    if policy.extensions is not None and not filename.endswith(_suffixes(policy.extensions)):
        return Cause.EXTENSION, filename.rpartition(".")[2]
    if policy.allow_files and first_found(policy.allow_files, filename) is None:
        return Cause.FILE_PATTERN, "allow_files: no pattern matches the name"
    if policy.exclude_files:
        pattern = first_found(policy.exclude_files, filename)
        if pattern is not None:
            return Cause.FILE_PATTERN, f"exclude_files: {pattern}"
    label = variant_label(filename)
    if label and first_match(label, policy.variants) is None:
        return Cause.VARIANT, f"{label}, see `variants`"
    return None


def check_third_party(project: Project, file: File, policy: Policy) -> Rejection | None:
    """Return the third-party rule that skips a file.

    Raises:
        RuleFailed: a rule raised an error.
    """
    found = check_rules(project, file, policy.third_party)
    return (Cause.THIRD_PARTY, found) if found is not None else None


@lru_cache(maxsize=64)
def _suffixes(extensions: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f".{extension}" for extension in extensions)


def _check_target(file: File, policy: Policy) -> Rejection | None:
    """Return why no target can use a file: its Pythons, its platforms."""
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
    if policy.uploaded_before is not None:
        if file.upload_time is None:
            return Cause.TOO_LATE, "the source announces no upload time"
        if file.upload_time >= policy.uploaded_before:
            return Cause.TOO_LATE, f"uploaded {file.upload_time}"
    if ripe or not policy.min_age_days:
        return None
    first_seen = policy.min_age_unknown == "first-seen"
    begins_at = age_begins_at(file, with_first_seen=first_seen)
    if begins_at is None and not first_seen:
        return Cause.TOO_LATE, "the source announces no upload time, see `min_age_unknown`"
    begins_at = begins_at or now
    due = shift(begins_at, policy.min_age_days)
    if due <= now:
        return None
    event = "uploaded" if file.upload_time else "first seen"
    return Cause.TOO_YOUNG, f"{event} {begins_at}, due on {due[:10]}"


def targets_served(
    file: File, policy: Policy
) -> tuple[tuple[PythonTarget | None, ...], Rejection | None]:
    """Return the Pythons that can use `file`, or why none can.

    Without a Python filter, or with generic words only, the result is one target, None.
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
        return (), (Cause.PYTHON, f"not for {' or '.join(map(str, pythons.targets))}")
    required = file.requires_python
    if not required:
        return fitting, None
    admitted = tuple(target for target in fitting if requires_python_admits(required, target))
    return admitted, None if admitted else (Cause.REQUIRES_PYTHON, required)


def split_off_indexes(files: Iterable[File]) -> tuple[list[File], list[File]]:
    """Return the distributions, and the files that explain variant labels."""
    distributions: list[File] = []
    indexes: list[File] = []
    for file in files:
        (indexes if is_variants_index(file.filename) else distributions).append(file)
    return distributions, indexes


def decide_on_index(
    index: File, release: Iterable[Decision], policy: Policy, now: str, *, project: NormalizedName
) -> Decision:
    """Decide on the file that explains the variant labels of a release (PEP 825).

    It is kept with the variant wheels, whatever the rules say about its type and age. Labels of
    wheels that are not kept stay in it.

    Args:
        release: the decisions on the distributions of the release.
    """
    labelled = [one for one in release if one.keep and variant_label(one.file.filename)]
    if not labelled:
        return Decision(index, False, Cause.VARIANT, "no variant wheel of this release is kept")
    rules = Policy(
        exclude_files=policy.exclude_files,
        max_file_bytes=policy.max_file_bytes,
        require_digests=policy.require_digests,
        yanked=True,
    )
    rejection = check_file(index, rules, now, pinned=True, ripe=True, project=project)
    if rejection is not None:
        return Decision(index, False, *rejection)
    return Decision(index, True, Cause.SELECTED, "explains the variant labels of its release")


def check_installable(file: File) -> Rejection | None:
    """Return why no closure uses a file, whatever the settings say."""
    if not needs_later_installers(file.filename):
        return None
    if file.filename.endswith(".whlx"):
        return Cause.PACKAGE_TYPE, "no current installer reads .whlx files"
    return Cause.VARIANT, "no current installer reads variant labels"
