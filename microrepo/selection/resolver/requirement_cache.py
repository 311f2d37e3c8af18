"""Requirements and versions taken apart, each text once for the whole process."""

from __future__ import annotations

from functools import lru_cache

from packaging.markers import Marker
from packaging.specifiers import InvalidSpecifier, Specifier
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from microrepo.formats.requirements.direct_urls import without_user
from microrepo.formats.specifiers import parse_requirement, parse_specifiers
from microrepo.model import NormalizedName


class Wanted:
    """A requirement, taken apart once for all."""

    __slots__ = ("extras", "marker", "marker_text", "project", "specifiers", "text", "url")

    def __init__(self, text: str) -> None:
        requirement = parse_requirement(text).requirement
        self.project: NormalizedName = canonicalize_name(requirement.name)
        self.extras = tuple(sorted({canonicalize_name(extra) for extra in requirement.extras}))
        self.specifiers = str(requirement.specifier)
        self.url = requirement.url
        self.marker: Marker | None = requirement.marker
        self.marker_text = str(requirement.marker) if requirement.marker else ""
        self.text = text.partition(";")[0].strip() if requirement.marker else text.strip()
        if requirement.url:
            extras = f"[{','.join(self.extras)}]" if self.extras else ""
            self.text = without_user(f"{requirement.name}{extras} @ {requirement.url}")


@lru_cache(maxsize=131072)
def wanted(text: str) -> Wanted:
    """Take a requirement apart; the result is shared.

    Raises:
        ValueError: it cannot be read.
    """
    return Wanted(text)


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
