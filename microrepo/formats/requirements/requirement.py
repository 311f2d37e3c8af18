"""Requirement records: a dependency specifier (PEP 508), parsed once where it enters."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec
from msgspec import Struct
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Specifier
from packaging.utils import canonicalize_name

from microrepo.errors import ConfigError
from microrepo.formats.requirements.direct_urls import without_user
from microrepo.formats.specifiers import lenient_requirement, strict_requirement
from microrepo.model import NormalizedName

_LOCATION = re.compile(r"(?:[a-z][a-z0-9+.-]*:|\.{0,2}/|~/|[A-Za-z]:\\|\.{1,2}$)", re.IGNORECASE)
_ARCHIVE_ENDINGS = (".whl", ".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz")
_VERSION = re.compile(r"\d+(\.\d+)+")


class Requirement(Struct, frozen=True, cache_hash=True):
    """One requirement.

    Attributes:
        name: the project, as written.
        project: its normalised name.
        label: the requirement for people: as written, without marker and login.
        specifiers: of versions, "" = any.
        extras: normalised, sorted.
        marker: in its normal form, "" = always.
        url: of a direct reference, "" = from an index.
        hashes: digests (``sha256:...``) of which a file must have one; empty = any file.
        origin: where it was written, ``requirements.txt:3``.
    """

    name: str
    project: NormalizedName
    label: str
    specifiers: str = ""
    extras: tuple[str, ...] = ()
    marker: str = ""
    url: str = ""
    hashes: tuple[str, ...] = ()
    origin: str = ""

    def __str__(self) -> str:
        return f"{self.label} ; {self.marker}" if self.marker else self.label


def parse_requirement(text: str, origin: str = "") -> Requirement:
    """Parse a requirement of a user, strictly.

    Raises:
        ConfigError: not a requirement; the message says where reading stopped.
    """
    if _VERSION.fullmatch(text.strip()):
        raise ConfigError(
            f"{text!r} is a version, not a project; use NAME=={text.strip()}, or separate the "
            "values of an option with commas (--python-versions 3.11,3.12)"
        )
    try:
        found = strict_requirement(text)
    except InvalidRequirement as error:
        first_line = str(error).partition("\n")[0]
        raise ConfigError(f"{text!r} is not a requirement such as 'flask>=2': {first_line}") from (
            error
        )
    return _record(found, text, origin)


def parse_requirements(texts: Iterable[str]) -> tuple[Requirement, ...]:
    """Parse requirements of a user, each once.

    Raises:
        ConfigError: one of them is not a requirement.
    """
    return tuple(dict.fromkeys(parse_requirement(text) for text in texts))


def read_requirement(text: str, origin: str = "") -> tuple[Requirement, str | None]:
    """Return the requirement that a file holds, repaired if need be, and what was repaired.

    Raises:
        ValueError: not a requirement, even with repairs.
    """
    found, note = lenient_requirement(text)
    return _record(found, str(found) if note else text, origin), note


@lru_cache(maxsize=131072)
def stated_requirement(text: str) -> Requirement:
    """Return a requirement that metadata states; the result is shared.

    Raises:
        ValueError: not a requirement, even with repairs.
    """
    return read_requirement(text)[0]


def pinned_requirement(
    name: str, version: str, *, marker: str = "", url: str = "", origin: str = ""
) -> Requirement:
    """Return the requirement for one version, or for the file behind a URL."""
    pin = f"{name} @ {url}" if url else f"{name}=={version}"
    return msgspec.structs.replace(read_requirement(pin, origin)[0], marker=marker)


def _record(found: Specifier, text: str, origin: str) -> Requirement:
    extras = tuple(sorted({canonicalize_name(extra) for extra in found.extras}))
    if found.url:
        listed = f"[{','.join(extras)}]" if extras else ""
        label = without_user(f"{found.name}{listed} @ {found.url}")
    else:
        label = text.partition(";")[0] if found.marker else text
    return Requirement(
        name=found.name,
        project=canonicalize_name(found.name),
        label=label.strip(),
        specifiers=str(found.specifier),
        extras=extras,
        marker=str(found.marker) if found.marker else "",
        url=found.url or "",
        origin=origin,
    )


def refuse_locations(text: str, place: str) -> None:
    """Raise ConfigError for a path or a URL in the place of a requirement."""
    if " @ " in text or re.match(r"[\w.\[\],-]+\s*@", text):
        return
    head = text.partition(";")[0].strip()
    if _LOCATION.match(head) or head.endswith(_ARCHIVE_ENDINGS):
        raise ConfigError(
            f"{place}: a path or URL without a project name cannot come from a repository: {head}"
        )


def parse_hash(value: str, place: str) -> str:
    """Return the digest of ``--hash``, as ``sha256:...``.

    Raises:
        ConfigError: it is none.
    """
    algorithm, _, digest = value.partition(":")
    algorithm, digest = algorithm.lower(), digest.lower()
    if algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        raise ConfigError(f"{place}: --hash must look like sha256:<digest>, not {value[:100]}")
    length = hashlib.new(algorithm, usedforsecurity=False).digest_size * 2
    if len(digest) != length or digest.strip("0123456789abcdef"):
        raise ConfigError(
            f"{place}: --hash={value[:100]}: a {algorithm} digest has {length} hexadecimal digits"
        )
    return f"{algorithm}:{digest}"
