"""Reader of the components of a bill of materials, from the files of a repository."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from msgspec import Struct
from packaging.utils import canonicalize_name

from microrepo.client.addresses import public_url
from microrepo.errors import MicrorepoError
from microrepo.formats.distribution.archives import read_egg_metadata, read_sdist_parts
from microrepo.formats.distribution.filenames import package_type_of
from microrepo.formats.distribution.wheel_metadata import read_wheel_metadata
from microrepo.formats.distribution.zip_directory import names_in, read_zip_directory
from microrepo.formats.sbom.components import Component, ComponentFile, package_url
from microrepo.formats.sbom.stated_facts import StatedFacts, read_stated_facts
from microrepo.formats.version_numbers import parse_version
from microrepo.state import FileRow
from microrepo.stores.flat_directory import FlatDirectory
from microrepo.stores.hashing import hash_file
from microrepo.stores.plain_files import open_plain_file
from microrepo.stores.sidecars import read_provenance_object, read_sidecar

_SBOMS = ".dist-info/sboms/"
# More of them are no description of one wheel.
_MOST_SBOMS = 100


class ReadComponents(Struct, frozen=True):
    """Components, and the files whose metadata could not be read, with the reason."""

    components: tuple[Component, ...]
    problems: tuple[str, ...]


class ComponentReader:
    """Reads the releases of one repository."""

    def __init__(self, directory: FlatDirectory) -> None:
        self._directory = directory
        self._problems: list[str] = []

    def read(self, rows: Iterable[FileRow]) -> ReadComponents:
        """Return the releases of some files."""
        releases: dict[tuple[str, str], list[FileRow]] = {}
        for row in rows:
            releases.setdefault((row.project, row.version), []).append(row)
        facts = {
            key: self._facts(sorted(files, key=_reading_order)) for key, files in releases.items()
        }
        held: dict[str, list[str]] = {}
        for project, version in sorted(releases):
            held.setdefault(project, []).append(version)
        components = tuple(
            self._component(key, sorted(releases[key], key=_name), facts[key], held)
            for key in sorted(releases)
        )
        return ReadComponents(components, tuple(self._problems))

    def _component(
        self,
        key: tuple[str, str],
        files: Sequence[FileRow],
        facts: StatedFacts,
        held: dict[str, list[str]],
    ) -> Component:
        project, version = key
        is_own = canonicalize_name(facts.name) == project
        return Component(
            project,
            facts.name if is_own else project,
            version,
            tuple(map(self._file, files)),
            facts.licence,
            facts.summary,
            facts.homepage,
            tuple(dict.fromkeys(_required(facts, held))),
        )

    def _facts(self, files: Sequence[FileRow]) -> StatedFacts:
        """Return what the first readable file says about the release."""
        for row in files:
            try:
                body = self._metadata(row)
                if body is not None:
                    return read_stated_facts(body)
            except (OSError, ValueError, MicrorepoError) as error:
                self._problems.append(f"{row.filename}: its metadata cannot be read: {error}")
        return StatedFacts()

    def _metadata(self, row: FileRow) -> bytes | None:
        """Return METADATA or PKG-INFO; None for a kind of file without one."""
        kind = package_type_of(row.filename)
        if kind == "bdist_wheel":
            kept = read_sidecar(self._directory.path, row.filename, row.mtime_ns)
            if kept is not None:
                return kept
        if kind not in {"bdist_wheel", "sdist", "bdist_egg"}:
            return None
        with self._open(row) as stream:
            if kind == "bdist_wheel":
                return read_wheel_metadata(stream, row.filename)
            if kind == "bdist_egg":
                return read_egg_metadata(stream, row.filename)
            return read_sdist_parts(stream, row.filename).pkg_info

    def _open(self, row: FileRow) -> BinaryIO:
        return io.BufferedReader(open_plain_file(self._directory.file(row.filename)))

    def _file(self, row: FileRow) -> ComponentFile:
        url = public_url(row.url)
        return ComponentFile(
            row.filename,
            self._sha256(row),
            row.size,
            url if url.startswith(("http://", "https://")) else "",
            tuple(self._sboms(row)),
            read_provenance_object(self._directory.path, row.filename, row.mtime_ns) is not None,
        )

    def _sha256(self, row: FileRow) -> str | None:
        """Return the recorded digest; a directory without a state has none yet."""
        if row.digests.sha256:
            return row.digests.sha256
        try:
            return hash_file(self._directory.file(row.filename), ("sha256",)).sha256
        except OSError as error:
            self._problems.append(f"{row.filename}: cannot be read: {error.strerror}")
            return None

    def _sboms(self, row: FileRow) -> list[str]:
        """Return the names of the bills of materials inside a wheel (PEP 770)."""
        if not row.filename.endswith(".whl"):
            return []
        try:
            with self._open(row) as stream:
                size = stream.seek(0, io.SEEK_END)
                directory = read_zip_directory(stream, size, row.filename)
                names = (raw.decode() for _, raw in names_in(directory, row.filename))
                found = [name for name in names if _SBOMS in name and not name.endswith("/")]
        except (OSError, ValueError, MicrorepoError) as error:
            self._problems.append(f"{row.filename}: cannot be read: {error}")
            return []
        return sorted(name for name in found if name.isprintable())[:_MOST_SBOMS]


def _required(facts: StatedFacts, held: dict[str, list[str]]) -> Iterator[str]:
    """Yield the held releases that meet the requirements of another one."""
    for requirement in facts.requires:
        project = canonicalize_name(requirement.name)
        for text in held.get(project, ()):
            version = parse_version(text)
            if version is not None and requirement.specifier.contains(version, prereleases=True):
                yield package_url(project, text)


def _reading_order(row: FileRow) -> tuple[bool, str]:
    return (not row.filename.endswith(".whl"), row.filename)


def _name(row: FileRow) -> str:
    return row.filename
