"""Lists of projects and releases: names, globs, regular expressions, requirement strings."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from functools import lru_cache

from msgspec import Struct
from packaging.version import Version

from microrepo.errors import ConfigError
from microrepo.formats.requirements.requirement import Requirement, parse_requirement
from microrepo.formats.version_numbers import specifier_set
from microrepo.model import NormalizedName

_REGEX = "re:"
_LABEL_PATTERN = re.compile(r"[0-9a-z_.*?\[\]!-]+").fullmatch


class Patterns(Struct, frozen=True, omit_defaults=True):
    """A list such as `exclude`, parsed.

    Attributes:
        names: normalised names of whole projects.
        globs: patterns over normalised names.
        regexes: regular expressions to search in normalised names.
        releases: per project, the specifiers of releases.
    """

    names: frozenset[NormalizedName] = frozenset()
    globs: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    releases: dict[NormalizedName, tuple[str, ...]] = {}

    def __bool__(self) -> bool:
        return bool(self.names or self.globs or self.regexes or self.releases)

    def project(self, name: NormalizedName) -> str | None:
        """Return the entry that names the whole project, or None."""
        if name in self.names:
            return name
        for pattern in self.globs:
            if fnmatch.fnmatchcase(name, pattern):
                return pattern
        for pattern in self.regexes:
            if compiled(pattern).search(name):
                return _REGEX + pattern
        return None

    def release(self, name: NormalizedName, version: Version | None) -> str | None:
        """Return the requirement that names the release, or None.

        A version outside PEP 440 matches no requirement.
        """
        if version is not None:
            for text in self.releases.get(name, ()):
                if specifier_set(text).contains(version, prereleases=True):
                    return f"{name}{text}"
        return None


NOTHING = Patterns()


def parse_patterns(entries: Iterable[str], key: str) -> Patterns:
    """Parse a list of entries, with `-r FILE` already replaced by the file's lines.

    Args:
        entries: names, globs, ``re:REGEX``, requirement strings.

    Raises:
        ConfigError: an entry is invalid.
    """
    names: set[NormalizedName] = set()
    globs: set[str] = set()
    regexes: set[str] = set()
    releases: dict[NormalizedName, set[str]] = {}
    for entry in entries:
        text = entry.strip()
        if text.startswith(_REGEX):
            regexes.add(checked_regex(text.removeprefix(_REGEX), key))
        elif any(char in text for char in "*?[") and not any(char in text for char in "<>=!~"):
            globs.add(text.lower().replace("_", "-").replace(".", "-"))
        else:
            requirement = _parse_entry(text, key)
            if requirement.specifiers:
                releases.setdefault(requirement.project, set()).add(requirement.specifiers)
            else:
                names.add(requirement.project)
    return Patterns(
        frozenset(names),
        tuple(sorted(globs)),
        tuple(sorted(regexes)),
        {name: tuple(sorted(found)) for name, found in sorted(releases.items())},
    )


def _parse_entry(text: str, key: str) -> Requirement:
    try:
        return parse_requirement(text)
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from error


def parse_labels(patterns: Iterable[str] | str, key: str) -> tuple[str, ...]:
    """Return patterns of variant labels (PEP 825); a text means all labels.

    Raises:
        ConfigError: a pattern cannot match a label.
    """
    if isinstance(patterns, str):
        return ("*",)
    for pattern in patterns:
        if not _LABEL_PATTERN(pattern):
            raise ConfigError(
                f"$.{key}: {pattern!r} matches no variant label. Labels have lower-case letters, "
                "digits, underscores and dots; `*` matches all of them."
            )
    return tuple(sorted(set(patterns)))


def checked_regex(text: str, key: str) -> str:
    """Return the text of a regular expression.

    Raises:
        ConfigError: the expression is invalid.
    """
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigError(f"{key}: {text!r} is not a regular expression: {error}") from error
    return text


def first_found(patterns: Iterable[str], text: str) -> str | None:
    """Return the first regular expression found in a text, or None."""
    return next((pattern for pattern in patterns if compiled(pattern).search(text)), None)


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a checked regular expression, compiled."""
    return re.compile(pattern)
