"""Translator of bandersnatch's filter plugins into rules."""

from __future__ import annotations

from collections.abc import Callable

from microrepo.config.schema import ALL
from microrepo.formats.foreign.bandersnatch_files import (
    accept_file_pythons,
    accept_project_pythons,
    exclude_platforms,
    match_file_fields,
)
from microrepo.formats.foreign.bandersnatch_lists import (
    Selected,
    block_projects,
    block_releases,
    match_projects,
    select_projects,
)
from microrepo.formats.foreign.bandersnatch_projects import (
    limit_project_size,
    limit_release_count,
    match_project_fields,
)
from microrepo.formats.foreign.match_patterns import anchored, read_patterns
from microrepo.formats.foreign.translation import Lookups, Sections, Translating, lines_of

_Handler = Callable[[Translating, Sections, Lookups], None]


def apply_plugins(to: Translating, enabled: list[str], sections: Sections, world: Lookups) -> None:
    """Translate the enabled plugins; note sections that belong to none of them."""
    for name in enabled:
        if name not in PLUGINS:
            to.note(
                f"plugins.{name}", "not one of bandersnatch's own; see docs/how-to/own-rules.md"
            )
    selected = select_projects(to, enabled, sections, world)
    for name, handler in _HANDLERS.items():
        if name in enabled:
            handler(to, sections, world)
    for name, limit in _LIMITS.items():
        if name in enabled:
            limit(to, sections, selected)
    _compare_order(to, selected)
    used = {_SECTION_OF.get(name, name) for name in enabled}
    if any(name in _LIMITS for name in enabled):
        used.add("allowlist")  # its projects are exempt
    for section in sections:
        if section in PLUGIN_SECTIONS and section not in used:
            to.note(section, "had no effect: no plugin that reads it is enabled")


def _compare_order(to: Translating, selected: Selected) -> None:
    """Note where rules meet in another order than in bandersnatch."""
    of_releases = bool(
        to.get("versions") != ALL or to.get("exclude_releases") or to.get("prereleases") is False
    )
    of_projects = any(
        to.get(key) for key in ("metadata", "max_project_size", "min_versions", "max_versions")
    )
    if selected.has_pins and (of_releases or of_projects):
        to.note("allowlist.packages", "releases named with `==` are kept whatever other rules say")
    if selected.file_versions and (of_releases or to.get("exclude")):
        to.note(
            "allowlist.requirements",
            "bandersnatch applies no other rule on releases to projects of which a file names "
            "versions; here they apply, except to `==`",
        )
    if selected.names_prerelease and to.get("prereleases") is False:
        to.note("allowlist.packages", "a version that names a pre-release keeps pre-releases")
    if to.get("versions") != ALL and (
        selected.has_versions or any(to.get(key) != value for key, value in _NARROWING.items())
    ):
        to.note(
            "latest_release.keep",
            "the newest are counted among those that the other rules leave; bandersnatch counts "
            "first, and may be left with fewer",
        )


_NARROWING: dict[str, object] = {
    **dict.fromkeys(("exclude", "exclude_releases", "exclude_files", "exclude_platforms")),
    **dict.fromkeys(("allow_files", "requires_python")),
    "package_types": ALL,
    "prereleases": True,
}


# --- which releases -----------------------------------------------------------------------------


def _match_releases(to: Translating, sections: Sections, _world: Lookups) -> None:
    about = "filter_regex.releases"
    found = read_patterns(to, sections.get("filter_regex", {}).get("releases"), about)
    if found:
        to.extend("exclude_releases", [anchored(pattern) for pattern in found], about)


def _no_prereleases(to: Translating, sections: Sections, _world: Lookups) -> None:
    if lines_of(sections.get("filter_prerelease", {}).get("packages")):
        to.note(
            "filter_prerelease.packages",
            "one rule applies to all projects: pre-releases are kept; name releases in `exclude`",
        )
    else:
        to.put("prereleases", False, "plugins.prerelease_release")
        to.note(
            "plugins.prerelease_release",
            "PEP 440 decides: `1.0c1`, `1.0.pre1` and `1.0.dev` are pre-releases, too",
        )


def _newest(to: Translating, sections: Sections, _world: Lookups) -> None:
    options = sections.get("latest_release", {})
    keep, by = options.get("keep", "").strip(), options.get("sort_by", "version")
    if not keep.isdecimal() or not int(keep):
        to.note("latest_release.keep", f"{keep!r} keeps all releases")
        return
    to.put("versions", int(keep), "latest_release.keep")
    to.put("keep_stable", True, "latest_release.keep")
    if by == "time":
        to.put("newest_by", "time", "latest_release.sort_by")
    elif by != "version":
        to.note("latest_release.sort_by", f"{by!r} had no effect: the highest versions are newest")


_LISTS = (
    *("allowlist_project", "allowlist_release"),
    *("project_requirements", "project_requirements_pinned"),
)
_HANDLERS: dict[str, _Handler] = {
    "blocklist_project": block_projects,
    "blocklist_release": block_releases,
    "regex_project": match_projects,
    "regex_release": _match_releases,
    "prerelease_release": _no_prereleases,
    "latest_release": _newest,
    "exclude_platform": exclude_platforms,
    "regex_release_file_metadata": match_file_fields,
    "version_range_release_file_metadata": accept_file_pythons,
    "version_range_project_metadata": accept_project_pythons,
    "regex_project_metadata": match_project_fields,
}
_LIMITS = {
    "size_project_metadata": limit_project_size,
    "versions_count_project_metadata": limit_release_count,
}
PLUGINS = (*_LISTS, *_HANDLERS, *_LIMITS)
_SECTION_OF = {
    **dict.fromkeys(_LISTS, "allowlist"),
    **dict.fromkeys(("blocklist_project", "blocklist_release", "exclude_platform"), "blocklist"),
    **dict.fromkeys(("regex_project", "regex_release"), "filter_regex"),
    "prerelease_release": "filter_prerelease",
    "version_range_project_metadata": "version_range_release_file_metadata",
}
PLUGIN_SECTIONS = frozenset(_SECTION_OF.get(name, name) for name in PLUGINS)
