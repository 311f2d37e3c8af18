"""Core metadata of distributions: the record, and what the METADATA of a wheel says.

The core metadata specification of PyPUG decides, read leniently: releases of twenty years must be
readable. Nothing is ever built or executed; what only a build could tell is marked as a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import OutOfBounds
from microrepo.formats.distribution.header_fields import first_field, metadata_fields
from microrepo.formats.specifiers import (
    lenient_requirement,
    parse_requires_python,
)

Source = Literal["metadata", "sdist", "guess"]

_MAX_NOTES = 20
# All requirements of a distribution together; real ones have a tenth of it.
_MAX_REQUIREMENTS_CHARS = 1 << 20
_REQUIREMENT_COSTS = 32


class CoreMetadata(Struct, frozen=True, omit_defaults=True, gc=False):
    """What a distribution says of itself, as far as installing it goes.

    Attributes:
        name: as written.
        version: as written.
        requires_dist: requirements (PEP 508), each readable; repaired ones in repaired form.
        requires_python: specifier, None for any Python.
        provides_extra: extras, normalised.
        dynamic: fields that a build may fill or extend (Metadata 2.2), lower case.
        metadata_version: of the file, "" when it has none.
        source: ``metadata`` is certain; ``sdist`` is static metadata of a source distribution;
            ``guess`` is the best that can be known of one without building it.
        strict: no requirement had to be repaired; newer pip refuses a file otherwise.
        build_requires: what building needs; None for a wheel or when nobody looked.
        notes: repairs and doubts, for the log.
    """

    name: str
    version: str
    requires_dist: tuple[str, ...] = ()
    requires_python: str | None = None
    provides_extra: tuple[str, ...] = ()
    dynamic: tuple[str, ...] = ()
    metadata_version: str = ""
    summary: str | None = None
    description: str | None = None
    description_content_type: str | None = None
    source: Source = "metadata"
    strict: bool = True
    build_requires: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()


class DeclaredDependencies(Struct, frozen=True):
    """Dependency fields as a distribution writes them, not yet checked."""

    requires_dist: tuple[str, ...]
    provides_extra: tuple[str, ...]
    requires_python: str | None


def from_metadata(body: bytes, *, with_description: bool = False) -> CoreMetadata:
    """Return what the METADATA of a wheel says, read as strictly as installers read it.

    Args:
        body: its bytes.
        with_description: keep the long description.

    Raises:
        MalformedResponse: name or version is missing, a requirement is beyond repair, or the bytes
            are not UTF-8.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedResponse("metadata", f"not UTF-8 ({error.reason})") from error
    headers, payload = metadata_fields(body)
    name, version = first_field(headers, "name"), first_field(headers, "version")
    if not name or not version:
        raise MalformedResponse("metadata", "has no Name or no Version")
    description = _description(headers, payload) if with_description else None
    return checked_metadata(name, version, dependencies_of(headers), headers, description)


def dependencies_of(headers: Mapping[str, list[str]]) -> DeclaredDependencies:
    """Return the dependencies that header fields declare."""
    return DeclaredDependencies(
        tuple(headers.get("requires-dist", ())),
        tuple(headers.get("provides-extra", ())),
        first_field(headers, "requires-python"),
    )


def checked_metadata(
    name: str,
    version: str,
    dependencies: DeclaredDependencies,
    headers: Mapping[str, list[str]],
    description: str | None = None,
) -> CoreMetadata:
    """Return a record whose requirements installers can read.

    Raises:
        MalformedResponse: a requirement is beyond repair.
        OutOfBounds: there are more than any real distribution states.
    """
    requires, notes = _readable(dependencies.requires_dist)
    strict = not notes
    if dependencies.requires_python:
        read, note = parse_requires_python(dependencies.requires_python)
        notes += [note] if note else []
        strict = strict and read is not None  # pip admits every Python then, uv refuses the file
    return CoreMetadata(
        name=name,
        version=version,
        requires_dist=requires,
        requires_python=dependencies.requires_python,
        provides_extra=normalized_extras(dependencies.provides_extra),
        dynamic=tuple(field.lower() for field in headers.get("dynamic", ())),
        metadata_version=first_field(headers, "metadata-version") or "",
        summary=first_field(headers, "summary"),
        description=description,
        description_content_type=first_field(headers, "description-content-type"),
        strict=strict,
        notes=tuple(notes[:_MAX_NOTES]),
    )


def _readable(texts: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    requires: list[str] = []
    notes: list[str] = []
    for text in bounded(texts):
        try:
            requirement, note = lenient_requirement(text)
        except ValueError as error:
            raise MalformedResponse("metadata", str(error)) from error
        requires.append(str(requirement) if note else text)
        notes += [note] if note else []
    return tuple(requires), notes


def bounded(texts: Iterable[str], name: str = "metadata") -> Iterator[str]:
    """Yield requirements.

    Raises:
        OutOfBounds: there are more than any real distribution states.
    """
    total = 0
    for text in texts:
        total += len(text) + _REQUIREMENT_COSTS
        if total > _MAX_REQUIREMENTS_CHARS:
            raise OutOfBounds(name, "has too many requirements")
        yield text


def normalized_extras(names: Iterable[str]) -> tuple[str, ...]:
    """Return normalised extras, each once."""
    return tuple(dict.fromkeys(canonicalize_name(name) for name in names))


def _description(headers: Mapping[str, list[str]], payload: str) -> str | None:
    return first_field(headers, "description") or payload.strip("\n") or None
