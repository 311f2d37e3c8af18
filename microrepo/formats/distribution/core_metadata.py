"""Core metadata (METADATA, PKG-INFO) and what stands in for it in source distributions.

The core metadata specification of PyPUG decides, read leniently: releases of twenty years must be
readable. Nothing is ever built or executed; what only a build could tell is marked as a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec
from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import METADATA, OutOfBounds, check_size
from microrepo.formats.distribution.archives import SdistParts
from microrepo.formats.distribution.filenames import split_release
from microrepo.formats.specifiers import (
    MAX_REQUIREMENT_CHARS,
    lenient_requirement,
    parse_requires_python,
)
from microrepo.formats.toml import MAX_FOREIGN_BYTES, read_toml, strings_of

Source = Literal["metadata", "sdist", "guess"]

_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*:(.*)")
_DEPENDENCY_FIELDS = ("requires-dist", "requires-python", "provides-extra")
_DEFAULT_BUILD_REQUIRES = ("setuptools>=40.8.0", "wheel")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
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


class _Dependencies(Struct, frozen=True):
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
    headers, payload = _split(body)
    name, version = _first(headers, "name"), _first(headers, "version")
    if not name or not version:
        raise MalformedResponse("metadata", "has no Name or no Version")
    dependencies = _Dependencies(
        tuple(headers.get("requires-dist", ())),
        tuple(headers.get("provides-extra", ())),
        _first(headers, "requires-python"),
    )
    description = _description(headers, payload) if with_description else None
    return _checked(name, version, dependencies, headers, description)


def metadata_fields(body: bytes) -> tuple[dict[str, list[str]], str]:
    """Return the header fields of a METADATA or PKG-INFO file, and the text behind them.

    Args:
        body: the file's bytes.

    Returns:
        Values by field name in lower case, in their order; the payload, which holds the long
        description since Metadata 2.1.
    """
    return _split(body)


def _checked(
    name: str,
    version: str,
    dependencies: _Dependencies,
    headers: Mapping[str, list[str]],
    description: str | None = None,
) -> CoreMetadata:
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
        provides_extra=_extras(dependencies.provides_extra),
        dynamic=tuple(field.lower() for field in headers.get("dynamic", ())),
        metadata_version=_first(headers, "metadata-version") or "",
        summary=_first(headers, "summary"),
        description=description,
        description_content_type=_first(headers, "description-content-type"),
        strict=strict,
        notes=tuple(notes[:_MAX_NOTES]),
    )


def _readable(texts: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    requires: list[str] = []
    notes: list[str] = []
    for text in _bounded(texts):
        try:
            requirement, note = lenient_requirement(text)
        except ValueError as error:
            raise MalformedResponse("metadata", str(error)) from error
        requires.append(str(requirement) if note else text)
        notes += [note] if note else []
    return tuple(requires), notes


def _bounded(texts: Iterable[str]) -> Iterator[str]:
    total = 0
    for text in texts:
        total += len(text) + _REQUIREMENT_COSTS
        if total > _MAX_REQUIREMENTS_CHARS:
            raise OutOfBounds("metadata", "states more requirements than any real one")
        yield text


def _extras(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(canonicalize_name(name) for name in names))


def _split(body: bytes) -> tuple[dict[str, list[str]], str]:
    """Split header lines from the text behind the first empty line; names in lower case."""
    check_size(body, METADATA, "metadata")
    text = body.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    head, _, payload = text.partition("\n\n")
    if text.startswith("\n"):  # an empty line at the beginning ends the headers, too
        head, payload = "", text[1:]
    if head.count("\n") > METADATA.marks:
        raise OutOfBounds("metadata", f"has more than {METADATA.marks:,} header lines")
    headers: dict[str, list[list[str]]] = {}
    current: list[str] | None = None
    for line in head.split("\n"):
        if line[:1] in {" ", "\t"} and current is not None:
            current.append(line)
            continue
        match = _HEADER.match(line)
        current = [match[2]] if match is not None else None
        if match is not None and current is not None:
            headers.setdefault(match[1].lower(), []).append(current)
    unfolded = {
        key: [_unfolded(key, "\n".join(lines)) for lines in found] for key, found in headers.items()
    }
    return unfolded, payload


def _unfolded(key: str, value: str) -> str:
    if key == "description":
        lines = value.strip().split("\n")
        return "\n".join(re.sub(r"^ {7}\|| {8}", "", line) for line in lines)
    return " ".join(value.split())


def _first(headers: Mapping[str, list[str]], key: str) -> str | None:
    values = headers.get(key)
    value = values[0] if values else ""
    return value if value and value != "UNKNOWN" else None


def _description(headers: Mapping[str, list[str]], payload: str) -> str | None:
    return _first(headers, "description") or payload.strip("\n") or None


def from_sdist(parts: SdistParts, filename: str = "") -> CoreMetadata:
    """Return what a source distribution says without being built (PEP 643, PEP 621).

    Certain (``sdist``) is a PKG-INFO of Metadata 2.2 or later that does not list the dependency
    fields as dynamic, or a pyproject.toml that states them; everything else is a ``guess``. One
    that has neither is still what its file name says: installers build it.

    Raises:
        MalformedResponse: no name or version can be found, or a requirement is beyond repair.
    """
    headers, _ = _split(parts.pkg_info or b"")
    project = _project_table(parts.pyproject)
    name = _first(headers, "name") or _text(project.get("name"))
    version = _first(headers, "version") or _text(project.get("version"))
    notes: tuple[str, ...] = ()
    if not name or not version:
        release = split_release(filename)
        if release is None:
            raise MalformedResponse("sdist", "neither PKG-INFO nor its name says the release")
        notes = ("has no PKG-INFO in its top directory",)
        name, version = name or release[0], version or release[1]
    found, certain = _sdist_dependencies(headers, parts.requires_txt, project)
    metadata = _checked(name, version, found, headers)
    notes = (*notes, *metadata.notes)
    if not certain:
        notes = (*notes, "dependencies are a guess: only a build could tell them")
    return msgspec.structs.replace(
        metadata,
        source="sdist" if certain else "guess",
        build_requires=build_requires(parts.pyproject),
        notes=notes,
    )


def _sdist_dependencies(
    headers: Mapping[str, list[str]], requires_txt: bytes | None, project: Mapping[str, object]
) -> tuple[_Dependencies, bool]:
    from_headers = _Dependencies(
        tuple(headers.get("requires-dist", ())),
        tuple(headers.get("provides-extra", ())),
        _first(headers, "requires-python"),
    )
    dynamic = {field.lower() for field in headers.get("dynamic", ())}
    static_headers = _version_at_least(headers, 2, 2) and dynamic.isdisjoint(_DEPENDENCY_FIELDS)
    if static_headers:
        return from_headers, True
    if _states_dependencies(project):
        return _project_dependencies(project), True
    if from_headers.requires_dist:
        return from_headers, False
    if requires_txt is not None:
        requires, extras = parse_requires_txt(requires_txt)
        return _Dependencies(requires, extras, from_headers.requires_python), False
    declared = _project_dependencies(project)
    python = from_headers.requires_python or declared.requires_python
    return _Dependencies(declared.requires_dist, declared.provides_extra, python), False


def _version_at_least(headers: Mapping[str, list[str]], major: int, minor: int) -> bool:
    match = re.match(r"(\d+)\.(\d+)", _first(headers, "metadata-version") or "")
    return match is not None and (int(match[1]), int(match[2])) >= (major, minor)


def parse_requires_txt(body: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read an egg's ``requires.txt``: requirements (PEP 508) and extras.

    Sections are ``[extra]``, ``[:marker]`` and ``[extra:marker]``; they become markers.

    Raises:
        OutOfBounds: it says more than any real one.
    """
    requires: list[str] = []
    extras: list[str] = []
    condition = ""
    length = 0
    for raw in body.decode("utf-8", errors="replace").splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            extras += [extra.strip()] if extra.strip() else []
            condition = _condition(extra.strip(), marker.strip())
        else:
            requires.append(_with_condition(line, condition))
            length += len(requires[-1]) + _REQUIREMENT_COSTS
            if length > _MAX_REQUIREMENTS_CHARS:
                raise OutOfBounds("requires.txt", "states more requirements than any real one")
    return tuple(requires), _extras(extras)


def _condition(extra: str, marker: str) -> str:
    if len(extra) + len(marker) > MAX_REQUIREMENT_CHARS:
        raise OutOfBounds("metadata", "has a condition longer than any real one")
    parts = [f"({marker})"] if marker else []
    if extra:
        parts.append(f'extra == "{canonicalize_name(extra)}"')
    return " and ".join(parts)


def _with_condition(line: str, condition: str) -> str:
    requirement, semicolon, marker = line.partition(";")
    if not condition:
        return line
    if semicolon:
        return f"{requirement.strip()} ; ({marker.strip()}) and {condition}"
    # A direct URL needs the space before the semicolon.
    return f"{requirement.strip()} ; {condition}"


def _project_table(pyproject: bytes | None) -> Mapping[str, object]:
    table = (read_toml(pyproject, MAX_FOREIGN_BYTES) or {}) if pyproject is not None else {}
    project = table.get("project")
    return project if isinstance(project, dict) else {}


def _states_dependencies(project: Mapping[str, object]) -> bool:
    if not project:
        return False
    dynamic = strings_of(project.get("dynamic"))
    return not {"dependencies", "optional-dependencies", "requires-python"} & set(dynamic)


def _project_dependencies(project: Mapping[str, object]) -> _Dependencies:
    requires = list(strings_of(project.get("dependencies")))
    optional = project.get("optional-dependencies")
    extras = []
    for extra, wanted in optional.items() if isinstance(optional, dict) else ():
        extras.append(str(extra))
        condition = _condition(str(extra), "")
        requires.extend(_bounded(_with_condition(text, condition) for text in strings_of(wanted)))
    return _Dependencies(tuple(requires), tuple(extras), _text(project.get("requires-python")))


def build_requires(pyproject: bytes | None) -> tuple[str, ...]:
    """Return what building a source distribution needs (PEP 518); setuptools when unsaid.

    `wheel` goes with setuptools: pip before 24 and setuptools before 70.1 cannot do without.
    """
    table = read_toml(pyproject, MAX_FOREIGN_BYTES) if pyproject is not None else None
    system = (table or {}).get("build-system")
    if not isinstance(system, dict) or not isinstance(system.get("requires"), list):
        return _DEFAULT_BUILD_REQUIRES
    stated = tuple(_bounded(strings_of(system["requires"])))
    names = {canonicalize_name(match[0]) for text in stated if (match := _NAME.match(text))}
    return (*stated, "wheel") if "setuptools" in names and "wheel" not in names else stated


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
