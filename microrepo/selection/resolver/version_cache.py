"""Caches of versions and specifiers: each text is parsed once for the whole process."""

from __future__ import annotations

from functools import lru_cache

from packaging.specifiers import InvalidSpecifier, Specifier
from packaging.version import InvalidVersion, Version

from microrepo.formats.specifiers import parse_specifiers


@lru_cache(maxsize=131072)
def parse_version(text: str) -> Version | None:
    """Read a version (PEP 440), None when it is none; the result is shared."""
    try:
        return Version(text)
    except InvalidVersion:
        return None


@lru_cache(maxsize=65536)
def is_pin(specifiers: str) -> bool:
    """Tell whether specifiers name one version (``==`` without a star, ``===``)."""
    return any(
        _operator(part)[0] in {"==", "==="} and "*" not in part for part in _parts(specifiers)
    )


@lru_cache(maxsize=65536)
def has_upper_bound(specifiers: str) -> bool:
    """Tell whether specifiers end somewhere (``<``, ``<=``, ``~=``, ``==1.*``)."""
    return any(
        _operator(part)[0] in {"<", "<=", "~="} or (_operator(part)[0] == "==" and "*" in part)
        for part in _parts(specifiers)
    )


def _parts(specifiers: str) -> list[str]:
    return [part for part in specifiers.split(",") if part]


@lru_cache(maxsize=65536)
def _operator(part: str) -> tuple[str, str]:
    try:
        specifier = Specifier(part)
    except InvalidSpecifier:
        return "", part
    return specifier.operator, specifier.version


@lru_cache(maxsize=65536)
def names_prerelease(specifiers: str) -> bool:
    """Tell whether specifiers name a pre-release, which admits all of them (PEP 440)."""
    return bool(parse_specifiers(specifiers)[0].prereleases)
