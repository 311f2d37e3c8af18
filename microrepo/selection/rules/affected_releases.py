"""Releases that advisories affect: known ones about all projects, else those in project records.

PyPI's JSON API includes in a project's document the advisories for the release that it describes
(`info.version`); those for other releases are requested when needed
(`operations.refresh.upstream.release_advisories`). Unknown ones are inferred, on the safe side.
"""

from __future__ import annotations

from microrepo.formats.advisories.known_advisories import KnownAdvisories, reports_malware
from microrepo.formats.version_numbers import parse_version
from microrepo.model import NormalizedName, Project, Vulnerability


def affecting(
    project: Project, text: str, advisories: KnownAdvisories | None = None
) -> tuple[Vulnerability, ...]:
    """Return the advisories about vulnerabilities that affect a release.

    Without `advisories`, those in the record of the project count. While advisories of other
    releases are unknown, those for the described release also affect older ones, unless they are
    known to be fixed there: otherwise refusing the newest release would select an older one with
    the same vulnerability.

    Args:
        text: version of the release, as the index spells it.
        advisories: advisories about all projects.
    """
    if advisories is not None:
        found = advisories.affecting(project.name, text)
        return tuple(one for one in found if not reports_malware(one))
    known, asked = project.vulnerabilities, project.advisories
    described = project.info.version
    if text == described:
        return known
    if asked:
        return asked.get(text, ())
    if not known or described is None:
        return ()
    version, limit = parse_version(text), parse_version(described)
    if limit is None or (version is not None and version > limit):
        return ()
    if version == limit:
        return known
    return tuple(advisory for advisory in known if not _is_fixed(text, advisory))


def _is_fixed(text: str, advisory: Vulnerability) -> bool:
    """Return whether a release has the fix, or is a later one of the same series.

    A series has one major and minor version, since fixes are backported to older series.
    """
    version = parse_version(text)
    if version is None:
        return False
    fixes = (parse_version(fix) for fix in advisory.fixed_in)
    return any(
        fix is not None
        and fix <= version
        and (fix.epoch, fix.major, fix.minor) == (version.epoch, version.major, version.minor)
        for fix in fixes
    )


def malware_in(
    name: NormalizedName, text: str, advisories: KnownAdvisories | None
) -> tuple[Vulnerability, ...]:
    """Return the advisories that report a release as malware."""
    found = advisories.affecting(name, text) if advisories is not None else ()
    return tuple(one for one in found if reports_malware(one))


def describe(advisory: Vulnerability) -> str:
    """Return an advisory in one line: its names, and the fixed releases."""
    names = ", ".join(advisory.aliases)
    text = f"{advisory.id} ({names})" if names else advisory.id
    return f"{text}, fixed in {', '.join(advisory.fixed_in)}" if advisory.fixed_in else text
