"""Versions and version specifiers (PEP 440), each text parsed once for the whole process."""

from __future__ import annotations

from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from microrepo.formats.specifiers import parse_specifiers

_OLDEST = Version("0.dev0")
# Longer than any that a file name can hold; numbers of thousands of digits cannot be converted.
_MAX_VERSION_CHARS = 512


@lru_cache(maxsize=131072)
def parse_version(text: str) -> Version | None:
    """Return the PEP 440 version of a text, None for a legacy one; the result is shared."""
    try:
        return Version(text) if len(text) <= _MAX_VERSION_CHARS else None
    except InvalidVersion:
        return None


def version_order(text: str) -> tuple[bool, Version, str]:
    """Return the sort key of a version, oldest first; legacy ones are older than all others."""
    version = parse_version(text)
    return version is not None, version or _OLDEST, text


def same_version(left: str, right: str) -> bool:
    """Return whether two texts mean the same version (PEP 440: ``1.0`` and ``1.0.0`` do)."""
    ours, theirs = parse_version(left), parse_version(right)
    return left == right if ours is None or theirs is None else ours == theirs


@lru_cache(maxsize=4096)
def specifier_set(text: str) -> SpecifierSet:
    """Return the parsed form of a specifier text that was checked before."""
    return SpecifierSet(text)


@lru_cache(maxsize=65536)
def is_pin(specifiers: str) -> bool:
    """Return whether specifiers name one version (``==`` without a star, ``===``)."""
    return any(
        operator in {"==", "==="} and "*" not in version
        for operator, version in map(_clause, specifiers.split(","))
    )


@lru_cache(maxsize=65536)
def has_upper_bound(specifiers: str) -> bool:
    """Return whether specifiers end somewhere (``<``, ``<=``, ``~=``, ``==1.*``)."""
    return any(
        operator in {"<", "<=", "~="} or (operator == "==" and "*" in version)
        for operator, version in map(_clause, specifiers.split(","))
    )


@lru_cache(maxsize=65536)
def _clause(text: str) -> tuple[str, str]:
    try:
        specifier = Specifier(text)
    except InvalidSpecifier:
        return "", text
    return specifier.operator, specifier.version


@lru_cache(maxsize=65536)
def names_prerelease(specifiers: str) -> bool:
    """Return whether specifiers name a pre-release, which admits all of them (PEP 440)."""
    return bool(parse_specifiers(specifiers)[0].prereleases)
