"""Core metadata of distributions: the record, and its reader for wheels.

Follows the core metadata specification of PyPUG leniently, so that releases of twenty years can be
read. Nothing is built or executed; metadata that needs a build is marked as a guess.
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
# Limit on all requirements of a distribution; real ones have a tenth of it.
_MAX_REQUIREMENTS_CHARS = 1 << 20
_REQUIREMENT_COSTS = 32


class CoreMetadata(Struct, frozen=True, omit_defaults=True, gc=False):
    """Metadata of a distribution that matters for installation.

    Attributes:
        name: as written.
        version: as written.
        requires_dist: requirements (PEP 508), each readable; repaired ones in repaired form.
        requires_python: specifier, None for any Python.
        provides_extra: extras, normalised.
        dynamic: fields that a build can set or extend (Metadata 2.2), lower case.
        metadata_version: version of the format, "" without one.
        source: ``metadata`` is certain; ``sdist`` is static metadata of a source distribution;
            ``guess`` is the best estimate for one without building it.
        strict: no requirement was repaired; newer pip refuses a file with a repaired one.
        build_requires: build requirements; None for a wheel or if not read.
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

    @property
    def is_repaired(self) -> bool:
        """Whether a requirement had to be repaired; pip minds that, but no odd Requires-Python."""
        python_note = parse_requires_python(self.requires_python or "")[1]
        return not self.strict and len(self.notes) > (python_note is not None)


class DeclaredDependencies(Struct, frozen=True):
    """Dependency fields of a distribution, unchecked."""

    requires_dist: tuple[str, ...]
    provides_extra: tuple[str, ...]
    requires_python: str | None


def from_metadata(body: bytes, *, with_description: bool = False) -> CoreMetadata:
    """Return the metadata of a wheel, read as strictly as installers do.

    Args:
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
    """Return the dependencies in header fields."""
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
        OutOfBounds: more requirements than any real distribution has.
    """
    requires, notes = _readable(dependencies.requires_dist)
    strict = not notes
    if dependencies.requires_python:
        read, note = parse_requires_python(dependencies.requires_python)
        notes += [note] if note else []
        strict = strict and read is not None  # pip then allows every Python, uv refuses the file
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
        OutOfBounds: more requirements than any real distribution has.
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
