"""Core metadata of source distributions, as far as it can be known without a build."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import msgspec
from packaging.utils import canonicalize_name

from microrepo.errors import MalformedResponse
from microrepo.formats.bounds import OutOfBounds
from microrepo.formats.distribution.archives import SdistParts
from microrepo.formats.distribution.core_metadata import (
    CoreMetadata,
    DeclaredDependencies,
    bounded,
    checked_metadata,
    dependencies_of,
    normalized_extras,
)
from microrepo.formats.distribution.filenames import split_release
from microrepo.formats.distribution.header_fields import first_field, metadata_fields
from microrepo.formats.specifiers import (
    MAX_REQUIREMENT_CHARS,
)
from microrepo.formats.toml import MAX_FOREIGN_BYTES, read_toml, strings_of

_DEPENDENCY_FIELDS = ("requires-dist", "requires-python", "provides-extra")
_DEFAULT_BUILD_REQUIRES = ("setuptools>=40.8.0", "wheel")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def from_sdist(parts: SdistParts, filename: str = "") -> CoreMetadata:
    """Return the metadata of a source distribution without a build (PEP 643, PEP 621).

    Certain (``sdist``) are a PKG-INFO of Metadata 2.2 or later without dynamic dependency fields,
    and a pyproject.toml with them; everything else is a ``guess``. Without either, the file name
    counts, since installers build the sdist.

    Raises:
        MalformedResponse: no name or version can be found, or a requirement is beyond repair.
    """
    headers, _ = metadata_fields(parts.pkg_info or b"")
    project = _project_table(parts.pyproject)
    name = first_field(headers, "name") or _text(project.get("name"))
    version = first_field(headers, "version") or _text(project.get("version"))
    notes: tuple[str, ...] = ()
    if not name or not version:
        release = split_release(filename)
        if release is None:
            raise MalformedResponse("sdist", "neither PKG-INFO nor the file name gives the release")
        notes = ("has no PKG-INFO in its top directory",)
        name, version = name or release[0], version or release[1]
    found, certain = _sdist_dependencies(headers, parts.requires_txt, project)
    metadata = checked_metadata(name, version, found, headers)
    notes = (*notes, *metadata.notes)
    if not certain:
        notes = (*notes, "dependencies are dynamic; only a build can determine them")
    return msgspec.structs.replace(
        metadata,
        source="sdist" if certain else "guess",
        build_requires=build_requires(parts.pyproject),
        notes=notes,
    )


def _sdist_dependencies(
    headers: Mapping[str, list[str]], requires_txt: bytes | None, project: Mapping[str, object]
) -> tuple[DeclaredDependencies, bool]:
    from_headers = dependencies_of(headers)
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
        return DeclaredDependencies(requires, extras, from_headers.requires_python), False
    declared = _project_dependencies(project)
    python = from_headers.requires_python or declared.requires_python
    return DeclaredDependencies(declared.requires_dist, declared.provides_extra, python), False


def _version_at_least(headers: Mapping[str, list[str]], major: int, minor: int) -> bool:
    match = re.match(r"(\d{1,9})\.(\d{1,9})", first_field(headers, "metadata-version") or "")
    return match is not None and (int(match[1]), int(match[2])) >= (major, minor)


def parse_requires_txt(body: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Parse an egg's ``requires.txt``: requirements (PEP 508) and extras.

    Sections are ``[extra]``, ``[:marker]`` and ``[extra:marker]``; they become markers.

    Raises:
        OutOfBounds: it has more entries than any real one.
    """
    extras: list[str] = []
    requires = tuple(bounded(_section_requirements(body, extras), "requires.txt"))
    return requires, normalized_extras(extras)


def _section_requirements(body: bytes, extras: list[str]) -> Iterator[str]:
    condition = ""
    for raw in body.decode("utf-8", errors="replace").splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
            extras += [extra.strip()] if extra.strip() else []
            condition = _condition(extra.strip(), marker.strip())
        else:
            yield _with_condition(line, condition)


def _condition(extra: str, marker: str) -> str:
    if len(extra) + len(marker) > MAX_REQUIREMENT_CHARS:
        raise OutOfBounds("metadata", "has a condition that is too long")
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


def _project_dependencies(project: Mapping[str, object]) -> DeclaredDependencies:
    requires = list(strings_of(project.get("dependencies")))
    optional = project.get("optional-dependencies")
    extras = []
    for extra, wanted in optional.items() if isinstance(optional, dict) else ():
        extras.append(str(extra))
        condition = _condition(str(extra), "")
        requires.extend(bounded(_with_condition(text, condition) for text in strings_of(wanted)))
    return DeclaredDependencies(
        tuple(requires), tuple(extras), _text(project.get("requires-python"))
    )


def build_requires(pyproject: bytes | None) -> tuple[str, ...]:
    """Return the build requirements of a source distribution (PEP 518); default: setuptools.

    `wheel` is added to setuptools, since pip before 24 and setuptools before 70.1 need it.
    """
    table = read_toml(pyproject, MAX_FOREIGN_BYTES) if pyproject is not None else None
    system = (table or {}).get("build-system")
    if not isinstance(system, dict) or not isinstance(system.get("requires"), list):
        return _DEFAULT_BUILD_REQUIRES
    stated = tuple(bounded(strings_of(system["requires"])))
    names = {canonicalize_name(match[0]) for text in stated if (match := _NAME.match(text))}
    return (*stated, "wheel") if "setuptools" in names and "wheel" not in names else stated


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
