"""bandersnatch's filter plugins in terms of our rules."""

from __future__ import annotations

import re
from collections.abc import Callable

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from microrepo.config.schema import EVERYTHING
from microrepo.formats.foreign.translation import (
    Sections,
    Surroundings,
    Translating,
    lines_of,
    truth,
)

_WORDS = {"win": "windows", "windows": "windows", "macos": "macos", "macosx": "macos",
          "linux": "linux", "freebsd": "freebsd"}  # fmt: skip
_PYTHON = re.compile(r"py(\d)(?:\.?(\d+))?")
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?(?:ytes?)?\s*", re.IGNORECASE)

_Handler = Callable[[Translating, Sections, Surroundings], None]


def apply_plugins(
    to: Translating, enabled: list[str], sections: Sections, world: Surroundings
) -> None:
    """Translate the plugins that are enabled, and tell which sections serve none of them."""
    used: set[str] = set()
    for name in enabled:
        if name not in PLUGINS:
            to.note(
                f"plugins.{name}", "is not one of bandersnatch's own; see docs/how-to/own-rules.md"
            )
    for name, handler in PLUGINS.items():
        if name in enabled:
            used.add(_SECTION_OF.get(name, name))
            handler(to, sections, world)
    for section in sections:
        if section in PLUGIN_SECTIONS and section not in used:
            to.note(section, "had no effect: no plugin that reads it is enabled")


# --- which projects -----------------------------------------------------------------------------


def _requirements(to: Translating, text: str | None, about: str) -> list[Requirement]:
    found = []
    for line in lines_of(text):
        if line.startswith("-"):
            continue
        try:
            found.append(Requirement(line))
        except InvalidRequirement:
            to.note(about, f"{line!r} is no requirement; left out")
    return found


def _want(to: Translating, entries: list[str], about: str) -> None:
    if to.get("packages") == EVERYTHING:
        to.put("packages", [], about)
    to.extend("packages", entries, about)


def _allow_projects(to: Translating, sections: Sections, _world: Surroundings) -> None:
    text = sections.get("allowlist", {}).get("packages")
    found = _requirements(to, text, "allowlist.packages")
    if not found:
        return
    _want(to, [canonicalize_name(one.name) for one in found], "allowlist.packages")


def _allow_releases(to: Translating, sections: Sections, _world: Surroundings) -> None:
    about = "allowlist.packages"
    found = _requirements(to, sections.get("allowlist", {}).get("packages"), about)
    if not found:
        return
    packages = to.get("packages")
    # The same list named the projects: what it says of their releases takes its place.
    names = {canonicalize_name(one.name) for one in found}
    kept = [entry for entry in packages if entry not in names] if isinstance(packages, list) else []
    to.put("packages", [], about)
    _want(to, [*kept, *(_short(one) for one in found)], about)


def _short(requirement: Requirement) -> str:
    return f"{canonicalize_name(requirement.name)}{requirement.specifier}"


def _files(to: Translating, sections: Sections, world: Surroundings) -> list[str]:
    allowlist = sections.get("allowlist", {})
    folder = allowlist.get("requirements_path", "")
    files: list[str] = []
    for line in lines_of(allowlist.get("requirements")):
        found = world.expand(folder, line)
        if not found:
            to.note("allowlist.requirements", f"{line!r}: there is no such file; left out")
        files.extend(found)
    return files


def _named_in_files(to: Translating, sections: Sections, world: Surroundings) -> None:
    names: list[str] = []
    for file in _files(to, sections, world):
        found = world.read_names(file)
        if found is None:
            to.note("allowlist.requirements", f"{file}: cannot be read; left out")
            continue
        names += (canonicalize_name(one.name) for one in _requirements(to, "\n".join(found), file))
        to.note(
            "allowlist.requirements",
            f"{file}: its projects stand in `packages` by name; `-r {file}` would follow the file",
        )
    if names:
        _want(to, names, "allowlist.requirements")


def _pinned_in_files(to: Translating, sections: Sections, world: Surroundings) -> None:
    files = _files(to, sections, world)
    names = {name for file in files for name in _names(world.read_names(file) or ())}
    packages = to.get("packages")
    if isinstance(packages, list):
        # Requirements of both kinds would be met together; the files are the narrower ones.
        to.put("packages", [p for p in packages if p not in names], "allowlist.requirements")
    if files:
        _want(to, [f"-r {file}" for file in files], "allowlist.requirements")


def _names(lines: object) -> list[str]:
    found: list[str] = []
    for line in lines if isinstance(lines, (list, tuple)) else ():
        try:
            found.append(canonicalize_name(Requirement(line).name))
        except InvalidRequirement:
            continue
    return found


def _block_projects(to: Translating, sections: Sections, _world: Surroundings) -> None:
    about = "blocklist.packages"
    found = _requirements(to, sections.get("blocklist", {}).get("packages"), about)
    names: list[str] = [canonicalize_name(one.name) for one in found if not one.specifier]
    if names:
        to.extend("exclude", names, about)


def _block_releases(to: Translating, sections: Sections, _world: Surroundings) -> None:
    about = "blocklist.packages"
    found = _requirements(to, sections.get("blocklist", {}).get("packages"), about)
    if found:
        to.extend("exclude", [_short(one) for one in found], about)


def _anchored(pattern: str) -> str:
    """Return a pattern that is found where bandersnatch's matched: from the beginning on."""
    return pattern if pattern.startswith("^") and "|" not in pattern else f"^(?:{pattern})"


def _patterns(to: Translating, text: str | None, about: str) -> list[str]:
    found = []
    for line in (text or "").split("\n"):
        if not line.strip():
            continue
        try:
            re.compile(line)
        except re.error as error:
            to.note(about, f"{line!r} is no regular expression ({error}); left out")
            continue
        found.append(line)
    return found


def _match_projects(to: Translating, sections: Sections, _world: Surroundings) -> None:
    about = "filter_regex.packages"
    found = _patterns(to, sections.get("filter_regex", {}).get("packages"), about)
    if found:
        to.extend("exclude", [f"re:{_anchored(pattern)}" for pattern in found], about)
        if any(re.search(r"[A-Z_]|\\\.", pattern) for pattern in found):
            to.note(about, "patterns are matched against normalised names here (`foo-bar`)")


# --- which releases -----------------------------------------------------------------------------


def _match_releases(to: Translating, sections: Sections, _world: Surroundings) -> None:
    about = "filter_regex.releases"
    found = _patterns(to, sections.get("filter_regex", {}).get("releases"), about)
    if found:
        to.extend("exclude_releases", [_anchored(pattern) for pattern in found], about)


def _no_prereleases(to: Translating, sections: Sections, _world: Surroundings) -> None:
    named = lines_of(sections.get("filter_prerelease", {}).get("packages"))
    if named:
        to.note(
            "filter_prerelease.packages",
            "there is one rule for all projects: pre-releases are kept; name releases in `exclude`",
        )
    else:
        to.put("prereleases", False, "plugins.prerelease_release")


def _newest(to: Translating, sections: Sections, _world: Surroundings) -> None:
    options = sections.get("latest_release", {})
    keep, by = options.get("keep", ""), options.get("sort_by", "version")
    if not keep.isdecimal() or not int(keep):
        to.note("latest_release.keep", f"{keep!r} keeps all releases")
        return
    to.put("versions", int(keep), "latest_release.keep")
    if to.get("prereleases") is False or to.get("exclude_releases"):
        to.note(
            "latest_release.keep",
            "the newest are counted among those that the other rules leave; bandersnatch counts "
            "first, and may be left with fewer",
        )
    if by == "time":
        to.put("newest_by", "time", "latest_release.sort_by")


# --- which files --------------------------------------------------------------------------------


def _no_platforms(to: Translating, sections: Sections, _world: Surroundings) -> None:
    about = "blocklist.platforms"
    platforms: list[str] = []
    patterns: list[str] = []
    for word in " ".join(lines_of(sections.get("blocklist", {}).get("platforms"))).lower().split():
        python = _PYTHON.fullmatch(word)
        if word in _WORDS:
            platforms.append(_WORDS[word])
        elif python:
            patterns.append(_files_of_python(python[1], python[2] or ""))
        else:
            platforms.append(word.strip(".-").replace("-", "_") + ("*" if word[-1:] == "_" else ""))
    if platforms:
        to.extend("exclude_platforms", platforms, about)
    if patterns:
        to.extend("exclude_files", patterns, about)
        to.note(about, "Pythons: `python_versions` names those that you have, also future ones")


def _files_of_python(major: str, minor: str) -> str:
    """Return a pattern for files that are for one Python, or one line of Pythons, alone."""
    together, apart = minor or r"\d*", minor or r"\d+"
    return rf"-(?:cp|pp|ip|jy|py){major}{together}-|-py{major}\.{apart}(?:-|\.)"


def _file_fields(to: Translating, sections: Sections, _world: Surroundings) -> None:
    for key, text in sections.get("regex_release_file_metadata", {}).items():
        about = f"regex_release_file_metadata.{key}"
        tags, field = key.split(":")[:-1], key.split(":")[-1].removeprefix("release_file.")
        found = _patterns(to, text, about)
        plain = [re.sub(r"^\^|\$$", "", pattern) for pattern in found]
        if field == "packagetype" and not {"none", "all"} & set(tags) and _are_words(plain):
            to.put("package_types", plain, about)
        elif field == "filename" and "none" in tags:
            to.extend("exclude_files", [_anchored(pattern) for pattern in found], about)
        elif field == "filename" and "all" not in tags:
            to.extend("allow_files", [_anchored(pattern) for pattern in found], about)
        elif key != "search":
            to.note(about, "no rule looks at this field of a file; left out")


def _are_words(patterns: list[str]) -> bool:
    return all(re.fullmatch(r"\w+", pattern) for pattern in patterns)


def _file_pythons(to: Translating, sections: Sections, _world: Surroundings) -> None:
    for key, text in sections.get("version_range_release_file_metadata", {}).items():
        about = f"version_range_release_file_metadata.{key}"
        if key.split(":")[-1] not in {"release_file.requires_python", "info.requires_python"}:
            to.note(about, "only `requires_python` has such a rule; left out")
            continue
        to.extend("requires_python", lines_of(text), about)
        if "not-null" in key.split(":"):
            to.note(about, "files that say nothing of Pythons are kept")


def _project_pythons(to: Translating, sections: Sections, _world: Surroundings) -> None:
    if "version_range_release_file_metadata" not in sections:
        to.note(
            "plugins.version_range_project_metadata",
            "had no effect: it reads [version_range_release_file_metadata], which is not there",
        )
    else:
        _file_pythons(to, sections, _world)


# --- which projects, by what they say of themselves ----------------------------------------------


def _metadata(to: Translating, sections: Sections, _world: Surroundings) -> None:
    options = dict(sections.get("regex_project_metadata", {}))
    anywhere = truth(options.pop("search", "")) or False
    rules: dict[str, dict[str, object]] = {}
    for key, text in options.items():
        about = f"regex_project_metadata.{key}"
        *tags, path = key.split(":")
        if not path.startswith("info."):
            to.note(about, "only fields below `info` have such rules; left out")
            continue
        patterns = [p if anywhere else _anchored(p) for p in _patterns(to, text, about)]
        kind = next((tag for tag in reversed(tags) if tag in {"any", "all", "none"}), "any")
        rule = rules.setdefault(path.removeprefix("info."), {})
        rule[kind] = patterns
        if "not-null" in tags:
            rule["missing"] = "drop"
    if rules:
        to.put("metadata", rules, "regex_project_metadata")


def _project_size(to: Translating, sections: Sections, _world: Surroundings) -> None:
    about = "size_project_metadata.max_package_size"
    text = sections.get("size_project_metadata", {}).get("max_package_size", "")
    match = _SIZE.fullmatch(text)
    if match is None:
        to.note(about, f"{text!r} is no size; left out")
        return
    unit = f"{match[2].upper()}iB" if match[2] else "B"
    to.put("max_project_size", f"{match[1]} {unit}", about)
    if sections.get("allowlist", {}).get("packages") and to.get("packages") == EVERYTHING:
        to.note(
            "allowlist.packages",
            "exempted projects from the limit on sizes; here those named in `allow` are exempt, "
            "which lets no others pass: write the rest of the limit into `exclude` instead",
        )


def _version_counts(to: Translating, sections: Sections, _world: Surroundings) -> None:
    for key in ("min_versions", "max_versions"):
        value = sections.get("versions_count_project_metadata", {}).get(key, "")
        if value.isdecimal() and int(value):
            to.put(key, int(value), f"versions_count_project_metadata.{key}")


# In the order in which they have to be read: what names projects, then what narrows it.
PLUGINS: dict[str, _Handler] = {
    "allowlist_project": _allow_projects,
    "allowlist_release": _allow_releases,
    "project_requirements": _named_in_files,
    "project_requirements_pinned": _pinned_in_files,
    "blocklist_project": _block_projects,
    "blocklist_release": _block_releases,
    "regex_project": _match_projects,
    "regex_release": _match_releases,
    "prerelease_release": _no_prereleases,
    "latest_release": _newest,
    "exclude_platform": _no_platforms,
    "regex_release_file_metadata": _file_fields,
    "version_range_release_file_metadata": _file_pythons,
    "version_range_project_metadata": _project_pythons,
    "regex_project_metadata": _metadata,
    "size_project_metadata": _project_size,
    "versions_count_project_metadata": _version_counts,
}
_SECTION_OF = {
    "allowlist_project": "allowlist",
    "allowlist_release": "allowlist",
    "project_requirements": "allowlist",
    "project_requirements_pinned": "allowlist",
    "blocklist_project": "blocklist",
    "blocklist_release": "blocklist",
    "exclude_platform": "blocklist",
    "regex_project": "filter_regex",
    "regex_release": "filter_regex",
    "prerelease_release": "filter_prerelease",
    "version_range_project_metadata": "version_range_release_file_metadata",
}
PLUGIN_SECTIONS = frozenset(_SECTION_OF.get(name, name) for name in PLUGINS)
