"""Translator of bandersnatch's rules on single files: platforms, fields, Pythons."""

from __future__ import annotations

import re
from collections.abc import Iterable

from microrepo.formats.distribution.filenames import PACKAGE_TYPES
from microrepo.formats.foreign.match_patterns import all_of, anchored, read_patterns
from microrepo.formats.foreign.translation import (
    Lookups,
    Sections,
    Translating,
    lines_of,
    truth,
)
from microrepo.formats.version_numbers import parse_version

_FAMILIES = {"win": "windows", "windows": "windows", "macos": "macos", "macosx": "macos"}
_WINDOWS = (".win32", "-win32", "win_amd64", "win-amd64", "win_arm64", "win-arm64")
_LINUX = (
    *("linux-i686", "linux-x86_64", "linux_armv7l", "linux_armv6l", "manylinux1_i686"),
    *("manylinux1_x86_64", "manylinux2010_i686", "manylinux2010_x86_64", "manylinux2014_x86_64"),
    *("manylinux2014_i686", "manylinux2014_aarch64", "manylinux2014_armv7l"),
    *("manylinux2014_ppc64", "manylinux2014_ppc64le", "manylinux2014_s390x"),
    *("-manylinux_", "musllinux"),
)
_PYTHON = re.compile(r"py(2(?:\.[4-7])?|3(?:\.(?:\d|1[0-4]))?)")
# bandersnatch looks for parts of a name, in all files but sdists.
_NOT_OF_SDIST = r"^(?!.*(?<!linux-x86_64)(?<!linux-i686)\.(?:tar\.\w+|tgz|zip)$).*"


def exclude_platforms(to: Translating, sections: Sections, _world: Lookups) -> None:
    """Translate `exclude_platform`: families of platforms, single ones, Pythons."""
    about = "blocklist.platforms"
    parts: list[str] = []
    for word in " ".join(lines_of(sections.get("blocklist", {}).get("platforms"))).lower().split():
        python = _PYTHON.fullmatch(word)
        if word in _FAMILIES:
            to.extend("exclude_platforms", [_FAMILIES[word]], about)
        elif word in "freebsd":  # as bandersnatch does: a part of the word will do
            to.extend("exclude_platforms", ["freebsd"], about)
        elif word in "linux":
            to.extend("exclude_platforms", ["linux"], about)
            to.note(about, "`linux` also excludes wheels for plain `linux_*`")
        elif python:
            parts.extend(_parts_of_python(python[1]))
            to.note(about, f"{word!r} excludes what has it in its name; see `python_versions`")
        elif word in {*_WINDOWS, *_LINUX}:
            parts.append(re.escape(word))
        else:
            to.note(about, f"{word!r} had no effect: bandersnatch knows no such platform")
    if parts:
        to.extend("exclude_files", [f"{_NOT_OF_SDIST}(?:{'|'.join(parts)})"], about)


def _parts_of_python(version: str) -> tuple[str, str]:
    return f"-(?:cp|pp|ip|jy){version.replace('.', '')}-", f"-py{re.escape(version)}[-.]"


def match_file_fields(to: Translating, sections: Sections, _world: Lookups) -> None:
    """Translate `regex_release_file_metadata`: types and names of files have rules here."""
    section = "regex_release_file_metadata"
    options = dict(sections.get(section, {}))
    searched = truth(options.pop("search", "")) or False
    types = set(PACKAGE_TYPES)
    groups: list[list[str]] = []
    for key, text in options.items():
        about = f"{section}.{key}"
        *tags, field = key.split(":")
        found = [p if searched else anchored(p) for p in read_patterns(to, text, about)]
        kind = next((tag for tag in reversed(tags) if tag in {"any", "all", "none"}), "any")
        if field == "release_file.packagetype":
            types &= {one for one in PACKAGE_TYPES if _passes(one, found, kind)}
        elif field == "release_file.filename":
            groups += _match_names(to, found, kind, about)
        else:
            to.note(about, "no rule looks at this field of a file; left out")
    if types != PACKAGE_TYPES:
        to.put("package_types", sorted(types), section)
    if not types:
        to.note(section, "its rules allow no type of file")
    if groups:
        allowed = groups[0] if len(groups) == 1 else [_together(to, groups, section)]
        to.extend("allow_files", allowed, section)


def _match_names(to: Translating, patterns: list[str], kind: str, about: str) -> list[list[str]]:
    """Exclude files by name, or return groups of patterns: a name must match one of each."""
    if kind == "none":
        to.extend("exclude_files", patterns, about)
        return []
    if kind == "all":
        return [[pattern] for pattern in patterns]
    if not patterns:
        to.note(about, "without patterns it keeps no file; skipped")
    return [patterns] if patterns else []


def _together(to: Translating, groups: list[list[str]], about: str) -> str:
    pattern = all_of(groups)
    try:
        re.compile(pattern)
    except re.error as error:
        to.note(about, f"patterns on names cannot be put together ({error}); only one is kept")
        return groups[0][0]
    return pattern


def _passes(value: str, patterns: Iterable[str], kind: str) -> bool:
    found = [re.search(pattern, value) is not None for pattern in patterns]
    if kind == "all":
        return all(found)
    return any(found) is (kind == "any")


def accept_file_pythons(to: Translating, sections: Sections, _world: Lookups) -> None:
    """Translate `version_range_release_file_metadata`."""
    _accept_pythons(to, sections, ("release_file.requires_python", "info.requires_python"))


def accept_project_pythons(to: Translating, sections: Sections, _world: Lookups) -> None:
    """Translate `version_range_project_metadata`, which reads the section of the other one."""
    if "version_range_release_file_metadata" in sections:
        _accept_pythons(to, sections, ("info.requires_python",))
    else:
        to.note(
            "plugins.version_range_project_metadata",
            "had no effect: it reads [version_range_release_file_metadata], which is missing",
        )


def _accept_pythons(to: Translating, sections: Sections, fields: tuple[str, ...]) -> None:
    for key, text in sections.get("version_range_release_file_metadata", {}).items():
        about = f"version_range_release_file_metadata.{key}"
        *tags, field = key.split(":")
        if field not in fields:
            if not (len(fields) == 1 and field == "release_file.requires_python"):
                to.note(about, "only `requires_python` has such a rule; left out")
            continue
        versions = [v for line in lines_of(text) if (v := _python(to, line, about))]
        if to.get("requires_python") not in (None, versions):
            to.note(about, "`requires_python` is one list of versions; this one is left out")
            continue
        to.put("requires_python", versions, about)
        if "not-null" in tags:
            to.note(about, "files that declare no Python versions are kept")
        if field.startswith("info."):
            to.note(about, "applies to each file, not to the newest release of its project")


def _python(to: Translating, text: str, about: str) -> str | None:
    version = parse_version(text)
    if version is None:
        to.note(about, f"{text!r} is not a version; left out")
        return None
    return text if len(version.release) > 1 else f"{version}.0"
