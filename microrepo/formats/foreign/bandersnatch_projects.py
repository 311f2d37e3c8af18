"""Translator of bandersnatch's rules on whole projects: metadata, size, number of releases."""

from __future__ import annotations

import re

from microrepo.formats.foreign.bandersnatch_lists import Selected
from microrepo.formats.foreign.match_patterns import anchored, read_patterns
from microrepo.formats.foreign.translation import Lookups, Sections, Translating, truth
from microrepo.model import Info

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?(?:ytes?)?\s*", re.IGNORECASE)
_FIELDS = ("name", *Info.__struct_fields__)
_LISTS = ("classifiers", "dynamic", "license_files", "provides_extra")


def match_project_fields(to: Translating, sections: Sections, _world: Lookups) -> None:
    """Translate `regex_project_metadata`."""
    options = dict(sections.get("regex_project_metadata", {}))
    searched = truth(options.pop("search", "")) or False
    rules: dict[str, dict[str, object]] = {}
    for key, text in options.items():
        about = f"regex_project_metadata.{key}"
        *tags, path = key.split(":")
        field = path.removeprefix("info.")
        base, _, entry = field.partition(".")
        if path == field or base not in _FIELDS or (base == "project_urls") is not bool(entry):
            to.note(about, "no rule looks at this field of a project; left out")
            continue
        patterns = [p if searched else anchored(p) for p in read_patterns(to, text, about)]
        kind = next((tag for tag in reversed(tags) if tag in {"any", "all", "none"}), "any")
        rule = rules.setdefault(field, {})
        if kind in rule:
            to.note(about, f"`{field}` has another rule of this kind; this one is left out")
        elif patterns:
            rule[kind] = patterns
            # bandersnatch's `none` lets no project pass that leaves the field out.
            if kind == "none" or _drops_missing(tags):
                rule["missing"] = "drop"
            if base not in _LISTS:
                to.note(about, "an empty field counts as missing, and a licence is its first line")
        elif kind == "any":
            to.note(about, "without patterns it keeps no project; skipped")
    rules = {field: rule for field, rule in rules.items() if rule}
    if rules:
        to.put("metadata", rules, "regex_project_metadata")


def _drops_missing(tags: list[str]) -> bool:
    last = next((tag for tag in reversed(tags) if tag in {"not-null", "match-null"}), "")
    return last == "not-null"


def limit_project_size(to: Translating, sections: Sections, selected: Selected) -> None:
    """Translate `size_project_metadata`."""
    about = "size_project_metadata.max_package_size"
    text = sections.get("size_project_metadata", {}).get("max_package_size", "")
    match = _SIZE.fullmatch(text)
    if match is None:
        to.note(about, f"{text!r} is not a size; left out")
    elif _concerns_anything(to, selected, about):
        unit = f"{match[2].upper()}iB" if match[2] else "B"
        to.put("max_project_size", f"{match[1]} {unit}", about)


def limit_release_count(to: Translating, sections: Sections, selected: Selected) -> None:
    """Translate `versions_count_project_metadata`."""
    section = "versions_count_project_metadata"
    options = sections.get(section, {})
    limits = {
        key: int(value)
        for key in ("min_versions", "max_versions")
        if (value := options.get(key, "").strip()).isdecimal() and int(value)
    }
    for key in {"min_versions", "max_versions"} & options.keys() - limits.keys():
        if options[key].strip() != "0":
            to.note(f"{section}.{key}", f"{options[key]!r} is not a number; left out")
    fewest, most = limits.get("min_versions"), limits.get("max_versions")
    if fewest and most and fewest > most:
        to.note(section, "had no effect: min_versions is greater than max_versions")
    elif limits and _concerns_anything(to, selected, section):
        for key, limit in limits.items():
            to.put(key, limit, f"{section}.{key}")
        to.note(section, "releases without files are not counted")


def _concerns_anything(to: Translating, selected: Selected, about: str) -> bool:
    """Exempt the projects of `[allowlist]`; return whether the limit concerns any other."""
    if selected.only_exempt:
        to.note(about, "had no effect: [allowlist] exempts the projects that it names")
        return False
    if selected.exempt:
        # A pattern for all projects, so that `allow` exempts and does not restrict.
        to.put("allow", ["*", *selected.exempt], "allowlist.packages")
    return True
