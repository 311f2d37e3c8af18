"""Search for the projects that provide a module, in the files of a repository."""

from __future__ import annotations

import fnmatch
import io
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.errors import ConfigError, MicrorepoError
from microrepo.formats.distribution.archives import read_sdist_parts
from microrepo.formats.distribution.filenames import package_type_of
from microrepo.formats.distribution.header_fields import metadata_fields
from microrepo.formats.distribution.wheel_metadata import info_members
from microrepo.formats.distribution.zip_directory import (
    ZipDirectory,
    entry_at,
    names_in,
    read_member,
    read_zip_directory,
)
from microrepo.formats.import_names import (
    ImportEvidence,
    ImportNames,
    find_module,
    is_module_name,
    stated_imports,
)
from microrepo.formats.version_numbers import parse_version, version_order
from microrepo.repositories.reading import open_for_reading
from microrepo.state import FileRow
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.plain_files import open_plain_file
from microrepo.stores.sidecars import read_sidecar

MAX_PROJECTS = 50_000
"""Projects that are read, those with a similar name first: half a minute if their wheels are cached."""
# An sdist has to be unpacked to find its metadata.
_MAX_SDIST_BYTES = 32 << 20
_WHEEL, _SDIST = "bdist_wheel", "sdist"


class ImportMatch(Struct, frozen=True):
    """A project that provides the module.

    Attributes:
        filename: the file that was read.
        evidence: what says so.
        is_private: the metadata says that the module is no public API.
    """

    project: str
    version: str
    filename: str
    evidence: ImportEvidence
    is_private: bool = False


class ImportAnswer(Struct, frozen=True):
    """The projects that provide a module.

    Attributes:
        matches: modules before parts of a namespace, then by project.
        read: number of projects that were read.
        unread: number of projects beyond the limit, or with no file that says what it provides.
        unreadable: file and fault of each damaged file.
    """

    module: str
    matches: tuple[ImportMatch, ...]
    read: int
    unread: int
    unreadable: tuple[tuple[str, str], ...] = ()


def find_import(
    repository: str, module: str, patterns: Sequence[str] = (), *, limit: int = MAX_PROJECTS
) -> ImportAnswer:
    """Find the projects whose newest release with a wheel provides a module.

    Args:
        module: as in an import statement: ``yaml``, ``google.protobuf``.
        patterns: names and globs of the projects to read; empty for all.
        limit: number of projects to read.

    Raises:
        ConfigError: the module's name is invalid.
        RepositoryError: the repository cannot be read.
    """
    if not is_module_name(module):
        raise ConfigError(f"--import {module!r}: not the name of a module, such as google.protobuf")
    with open_for_reading(repository) as state:
        chosen, others = _newest_files(state.files(), patterns)
    rows = sorted(chosen, key=lambda row: _likeness(row.project, module))
    reader = _ModuleReader(FlatDirectory(Path(repository)), module)
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        found = list(threads.map(reader.read, rows[:limit]))
    matches = sorted(
        (one for one in found if isinstance(one, ImportMatch)),
        key=lambda one: (one.evidence is ImportEvidence.PORTION, one.project),
    )
    unreadable = [
        (row.filename, one) for row, one in zip(rows, found, strict=False) if isinstance(one, str)
    ]
    undecided = found.count(_Undecided.SDIST)
    return ImportAnswer(
        module,
        tuple(matches),
        len(found) - len(unreadable) - undecided,
        len(rows[limit:]) + others + undecided,
        tuple(unreadable),
    )


def _newest_files(rows: Iterable[FileRow], patterns: Sequence[str]) -> tuple[list[FileRow], int]:
    """Return one file of each project, and the number of projects without a file to read."""
    globs = [canonicalize_name(pattern) for pattern in patterns]
    best: dict[str, FileRow] = {}
    projects: set[str] = set()
    for row in rows:
        if not row.present or not row.project:
            continue
        if globs and not any(fnmatch.fnmatchcase(row.project, one) for one in globs):
            continue
        projects.add(row.project)
        if not _is_readable(row):
            continue
        known = best.get(row.project)
        if known is None or _preference(row) > _preference(known):
            best[row.project] = row
    return list(best.values()), len(projects) - len(best)


def _is_readable(row: FileRow) -> bool:
    kind = package_type_of(row.filename)
    return kind == _WHEEL or (kind == _SDIST and (row.size or 0) <= _MAX_SDIST_BYTES)


def _preference(row: FileRow) -> tuple[object, ...]:
    version = parse_version(row.version)
    is_final = version is not None and not version.is_prerelease
    is_wheel = package_type_of(row.filename) == _WHEEL
    return is_wheel, is_final, version_order(row.version), row.filename


def _likeness(project: str, module: str) -> tuple[int, str]:
    """Return the sort key of a project: those whose name is like the module's first."""
    name = canonicalize_name(module)
    top = canonicalize_name(module.partition(".")[0])
    return (0 if project == name else 1 if project == top else 2 if top in project else 3), project


class _Undecided(Enum):
    """A source distribution that does not state what it provides."""

    SDIST = "sdist"


class _ModuleReader:
    """Reads what files say about one module; safe to use in several threads."""

    def __init__(self, directory: FlatDirectory, module: str) -> None:
        self._directory = directory
        self._module = module

    def read(self, row: FileRow) -> ImportMatch | _Undecided | str | None:
        """Return how a file provides the module, None if it does not, or why it is unreadable."""
        try:
            with open_plain_file(self._directory.file(row.filename)) as stream:
                if package_type_of(row.filename) == _WHEEL:
                    return self._read_wheel(row, stream)
                parts = read_sdist_parts(stream, row.filename)
        except (OSError, MicrorepoError) as error:
            return str(error.args[-1]) if isinstance(error, MicrorepoError) else str(error.strerror)
        imports = _imports(parts.pkg_info)
        if not (imports.names or imports.namespaces):
            return _Undecided.SDIST
        return self._match(row, imports)

    def _read_wheel(self, row: FileRow, stream: BinaryIO) -> ImportMatch | None:
        name = row.filename
        directory = read_zip_directory(stream, stream.seek(0, io.SEEK_END), name)
        metadata = read_sidecar(self._directory.path, name, row.mtime_ns)
        imports = _imports(metadata or _member_metadata(stream, directory, name))
        stated = self._match(row, imports)
        if stated is not None:
            return stated
        evidence = find_module((raw for _, raw in names_in(directory, name)), self._module)
        return None if evidence is None else self._found(row, evidence)

    def _match(self, row: FileRow, imports: ImportNames) -> ImportMatch | None:
        evidence = imports.evidence(self._module)
        if evidence is None:
            return None
        return self._found(row, evidence, is_private=self._module in imports.private)

    def _found(
        self, row: FileRow, evidence: ImportEvidence, *, is_private: bool = False
    ) -> ImportMatch:
        return ImportMatch(row.project, row.version, row.filename, evidence, is_private)


def _member_metadata(stream: BinaryIO, directory: ZipDirectory, name: str) -> bytes:
    place = info_members(directory, name).get("METADATA")
    return b"" if place is None else read_member(stream, entry_at(directory, place, name), name)


def _imports(metadata: bytes | None) -> ImportNames:
    return stated_imports(metadata_fields(metadata or b"")[0])
