"""Translator of bandersnatch's allow lists, block lists and requirements files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from microrepo.formats.foreign.match_patterns import anchored, read_patterns
from microrepo.formats.foreign.translation import Lookups, Sections, Translating, lines_of
from microrepo.formats.specifiers import strict_requirement

_ALLOWED, _FILES = "allowlist.packages", "allowlist.requirements"

_Specifiers = Mapping[str, tuple[str, ...]]


class Selected(Struct, frozen=True):
    """What the lists select.

    Attributes:
        exempt: projects that `[allowlist]` names; no limit on size or releases concerns them.
        only_exempt: nothing else is selected.
        has_versions: some entry names versions.
        has_pins: some entry names one version with `==`.
        names_prerelease: some entry names a pre-release.
        file_versions: a requirements file names versions.
    """

    exempt: tuple[str, ...] = ()
    only_exempt: bool = False
    has_versions: bool = False
    has_pins: bool = False
    names_prerelease: bool = False
    file_versions: bool = False


def select_projects(
    to: Translating, enabled: Iterable[str], sections: Sections, world: Lookups
) -> Selected:
    """Set `packages` to what passes all enabled allow lists: bandersnatch intersects them."""
    plugins = frozenset(enabled)
    listed = _requirements(to, sections.get("allowlist", {}).get("packages"), _ALLOWED)
    reads_files = plugins & {"project_requirements", "project_requirements_pinned"}
    files = _existing_files(to, sections, world) if reads_files else []
    required = [one for file in files for one in _requirements_of(to, file, world)]
    by_list = "allowlist_release" in plugins
    by_files = "project_requirements_pinned" in plugins
    for is_on, plugin, found in (
        (by_list, "allowlist_release", listed),
        (by_files, "project_requirements_pinned", required),
    ):
        if is_on and not found:
            to.note(f"plugins.{plugin}", "without entries it keeps nothing; skipped")
    allowed = _specifiers(listed)
    pinned = _specifiers(required)
    active = [
        found
        for is_on, found in (
            ("allowlist_project" in plugins or by_list, allowed),
            ("project_requirements" in plugins or by_files, pinned),
        )
        if is_on and found
    ]
    used: list[Requirement] = [*(listed if by_list else ()), *(required if by_files else ())]
    if active == [pinned] and by_files:
        to.put("packages", [f"-r {file}" for file in files], _FILES)
        to.note(_FILES, "read as pip reads them: markers, `-r` and `-c` inside count")
    elif active:
        names = [name for name in active[0] if all(name in other for other in active)]
        versions = (pinned if by_files else {}, allowed if by_list else {})
        to.put("packages", [e for name in names for e in _entries(name, versions)], _ALLOWED)
        if not names:
            to.note(_ALLOWED, "the allow lists have no project in common; nothing is selected")
        if pinned in active:
            for file in files:
                to.note(_FILES, f"{file}: copied into `packages`; `-r {file}` follows the file")
    return Selected(
        exempt=tuple(allowed),
        only_exempt=allowed in active,
        has_versions=any(one.specifier for one in used),
        has_pins=any(_is_pin(one) for one in used),
        names_prerelease=any(one.specifier.prereleases for one in used),
        file_versions=by_files and any(one.specifier for one in required),
    )


def _specifiers(found: Iterable[Requirement]) -> _Specifiers:
    specifiers: dict[str, tuple[str, ...]] = {}
    for one in found:
        name = canonicalize_name(one.name)
        specifiers[name] = (*specifiers.get(name, ()), str(one.specifier))
    return specifiers


def _entries(name: str, versions: Iterable[_Specifiers]) -> list[str]:
    """Return the entries of a project: the first list that names versions of it decides."""
    for specifiers in versions:
        texts = specifiers.get(name, ())
        if any(texts):
            return list(dict.fromkeys(f"{name}{text}" for text in texts))
    return [name]


def _is_pin(requirement: Requirement) -> bool:
    return any(
        spec.operator in {"==", "==="} and not spec.version.endswith(".*")
        for spec in requirement.specifier
    )


def _requirements(to: Translating, text: str | None, about: str) -> list[Requirement]:
    found = []
    for line in lines_of(text):
        if line.startswith("-"):
            continue
        try:
            found.append(strict_requirement(line))
        except InvalidRequirement:
            to.note(about, f"{line!r} is not a requirement; left out")
    return found


def _requirements_of(to: Translating, file: str, world: Lookups) -> list[Requirement]:
    lines = world.read_names(file)
    if lines is None:
        to.note(_FILES, f"{file}: cannot be read; left out")
        return []
    return _requirements(to, "\n".join(lines), file)


def _existing_files(to: Translating, sections: Sections, world: Lookups) -> list[str]:
    allowlist = sections.get("allowlist", {})
    files: list[str] = []
    for line in lines_of(allowlist.get("requirements")):
        found = world.expand(allowlist.get("requirements_path", ""), line)
        if not found:
            to.note(_FILES, f"{line!r}: file not found; left out")
        files.extend(found)
    return files


# --- lists that leave projects and releases out ------------------------------------------------------


def block_projects(to: Translating, sections: Sections, _world: Lookups) -> None:
    """Translate `blocklist_project`: entries that are names and nothing else."""
    about = "blocklist.packages"
    found = _requirements(to, sections.get("blocklist", {}).get("packages"), about)
    names: list[str] = [canonicalize_name(one.name) for one in found if str(one) == one.name]
    if names:
        to.extend("exclude", names, about)


def block_releases(to: Translating, sections: Sections, _world: Lookups) -> None:
    """Translate `blocklist_release`."""
    about = "blocklist.packages"
    found = _requirements(to, sections.get("blocklist", {}).get("packages"), about)
    if found:
        entries = [f"{canonicalize_name(one.name)}{one.specifier}" for one in found]
        to.extend("exclude", entries, about)


def match_projects(to: Translating, sections: Sections, _world: Lookups) -> None:
    """Translate `regex_project`."""
    about = "filter_regex.packages"
    found = read_patterns(to, sections.get("filter_regex", {}).get("packages"), about)
    if found:
        to.extend("exclude", [f"re:{anchored(pattern)}" for pattern in found], about)
        to.note(about, "patterns are matched against normalised names here (`foo-bar`)")
