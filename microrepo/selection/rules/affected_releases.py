"""Releases that the advisories in a project's record affect.

PyPI's JSON API attaches to a project's document the advisories on the release that it describes
(`info.version`); those on other releases are asked for where they matter (`operations.refresh.upstream.release_advisories`).
What nobody asked for is inferred, on the safe side.
"""

from __future__ import annotations

from microrepo.formats.version_numbers import parse_version
from microrepo.model import Project, Vulnerability


def affecting(project: Project, text: str) -> tuple[Vulnerability, ...]:
    """Return the advisories that concern a release.

    As long as no other release was asked about, those on the described one concern older ones too,
    as far as they are not known to be fixed there: else who refuses the newest release would get an
    older one with the same flaw.

    Args:
        project: its record.
        text: version of the release, as the index writes it.
    """
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
    """Return whether a release has the fix: it is one with it, or a later one of the same series.

    A series is what shares major and minor version: fixes are carried back to older series.
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


def describe(advisory: Vulnerability) -> str:
    """Return an advisory in one line: its names, and what has the fix."""
    names = ", ".join(advisory.aliases)
    text = f"{advisory.id} ({names})" if names else advisory.id
    return f"{text}, fixed in {', '.join(advisory.fixed_in)}" if advisory.fixed_in else text
