"""Parser of requirements and version specifiers: strict first, then with repairs.

Old releases have specifiers that PEP 440 and PEP 508 do not allow (``>=3.6.*``, ``!=3.0*``,
``>=1.9<2.0``). The table below repairs those with a clear meaning; each repair is returned as a
note, because newer pip refuses such a release.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

# Longer than any published one. The grammars below need quadratic time if nothing matches.
MAX_REQUIREMENT_CHARS = 4096
_MAX_REPAIRED_CHARS = 512
_SHOWN_CHARS = 200
_ORDERED_STAR = re.compile(r"(>=|<=|~=|>|<)\s*(\d+(?:\.\d+)*)\.\*")
_Replacement = str | Callable[[re.Match[str]], str]


def _without_star(match: re.Match[str]) -> str:
    """Say ``<=3.9.*`` and its kin without a star: the star stands for the whole 3.9 line."""
    operator, version = match.groups()
    if operator not in {"<=", ">"}:
        return f"{operator}{version}"
    head, _, last = version.rpartition(".")
    following = f"{head}.{int(last) + 1}" if head else str(int(last) + 1)
    return f"<{following}" if operator == "<=" else f">={following}"


_REPAIRS: tuple[tuple[re.Pattern[str], _Replacement, str], ...] = (
    (re.compile(r"[\"'`]"), "", "stray quotes"),
    (re.compile(r"^\s*[(\[](.*)[)\]]\s*$"), r"\1", "brackets"),
    (re.compile(r"=([<>])(?!=)"), r"\1=", "operator reversed"),
    (re.compile(r"(?<![<>=!~])=(?!=)"), "==", "single ="),
    (re.compile(r"(?<=[\w.*])\s*(?=[<>!~]|==)"), ",", "missing comma"),
    (re.compile(r"\.[xX]\b"), ".*", "x instead of *"),
    (re.compile(r"(\d)\*"), r"\1.*", "missing dot before *"),
    (_ORDERED_STAR, _without_star, "* after an ordering operator"),
    (re.compile(r"(\d)\.(?=\s*(?:,|$))"), r"\1", "dot at the end"),
    (re.compile(r"^\s*\*\s*$"), "", "lone *"),
    (re.compile(r"[;,\s]+$|^[;,\s]+|,(?=\s*,)"), "", "stray separators"),
)
_REQUIREMENT = re.compile(
    r"""\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*?)\s*
        (?P<extras>\[[^\]]*\])?\s*
        (?P<specifiers>(?:[(<>=!~].*)?)$""",
    re.VERBOSE,
)


class Reading(NamedTuple):
    """A parsed requirement; `note` describes repairs, None without any."""

    requirement: Requirement
    note: str | None


def strict_requirement(text: str) -> Requirement:
    """Return a dependency specifier (PEP 508).

    Raises:
        InvalidRequirement: it is not one, or longer than any real one.
    """
    if len(text) > MAX_REQUIREMENT_CHARS:
        raise InvalidRequirement(f"longer than {MAX_REQUIREMENT_CHARS} characters")
    try:
        return Requirement(text)
    except RecursionError:
        raise InvalidRequirement("nested too deep") from None


@lru_cache(maxsize=65536)
def lenient_requirement(text: str) -> Reading:
    """Read a dependency specifier (PEP 508), repairing what can be; the result is shared.

    Raises:
        ValueError: it cannot be read even with repairs.
    """
    try:
        return Reading(strict_requirement(text), None)
    except InvalidRequirement as error:
        repaired = _repair_requirement(text)
        if repaired is None:
            raise ValueError(
                f"{_short(text)} is not a requirement: {_first_line(error)}"
            ) from error
        return repaired


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}...")


def _first_line(error: Exception) -> str:
    return _short(str(error).partition("\n")[0])[1:-1]


def _repair_requirement(text: str) -> Reading | None:
    if len(text) > _MAX_REPAIRED_CHARS:
        return None
    head, semicolon, marker = text.partition(";")
    match = _REQUIREMENT.match(head)
    if match is None:
        return None
    specifiers, repairs = _repair(match["specifiers"])
    if not marker.strip():
        semicolon = ""
    mended = f"{match['name']}{match['extras'] or ''}{specifiers}{semicolon}{marker}"
    try:
        requirement = Requirement(mended)
    except InvalidRequirement:
        return None
    return Reading(requirement, f"{text!r} read as {str(requirement)!r} ({', '.join(repairs)})")


def _repair(text: str) -> tuple[str, list[str]]:
    done = []
    for pattern, replacement, name in _REPAIRS:
        mended = pattern.sub(replacement, text)
        if mended != text:
            done.append(name)
            text = mended
    return text, done


@lru_cache(maxsize=65536)
def parse_specifiers(text: str) -> tuple[SpecifierSet, str | None]:
    """Read version specifiers (PEP 440), repairing what can be; the second value is the note.

    Raises:
        ValueError: they cannot be read even with repairs.
    """
    if len(text) > MAX_REQUIREMENT_CHARS:
        raise ValueError(f"{_short(text)} is not a version specifier")
    try:
        return SpecifierSet(text), None
    except InvalidSpecifier as error:
        mended, repairs = _repair(text) if len(text) <= _MAX_REPAIRED_CHARS else (text, [])
        try:
            specifiers = SpecifierSet(mended)
        except InvalidSpecifier:
            raise ValueError(f"{_short(text)} is not a version specifier") from error
        return specifiers, f"{text!r} read as {str(specifiers)!r} ({', '.join(repairs)})"


def parse_requires_python(text: str) -> tuple[SpecifierSet | None, str | None]:
    """Parse a Requires-Python text; return None, which allows every Python, if it is beyond repair.

    pip ignores unreadable ones too; only requirements on projects must be valid.
    """
    try:
        return parse_specifiers(text)
    except ValueError as error:
        return None, f"Requires-Python ignored: {error}"


@lru_cache(maxsize=65536)
def lower_bounds(text: str) -> str:
    """Return a Requires-Python text without its upper bounds and exclusions, as uv obeys it."""
    specifiers = parse_requires_python(text)[0]
    return ",".join(
        f"{'>' if one.operator == '>' else '>='}{one.version.removesuffix('.*')}"
        for one in specifiers or ()
        if one.operator in {">", ">=", "==", "~=", "==="}
    )
